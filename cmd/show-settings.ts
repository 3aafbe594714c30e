import type { Outcome } from '../src/domain/errors.ts';
import { columns } from '../src/ui/table.ts';
import type { AnyCommand } from './command.ts';
import { output } from './output.ts';
import { configFile, loadSettings, settableFlags, variableOf } from './settings.ts';
import type { Streams } from './streams.ts';

/** Prints every setting with its value and where that comes from. */
export async function showSettings(
  commands: readonly AnyCommand[],
  options: { readonly output: 'table' | 'json' | 'yaml' },
  streams: Streams,
): Promise<Outcome> {
  const settings = await loadSettings(commands, streams.env);
  const rows = settableFlags(commands).map((flag) => {
    const set = settings.find((setting) => setting.flag === flag.name);
    const value = set?.value ?? flag.default;
    return {
      name: flag.name,
      value: value === undefined ? null : String(value),
      from: set?.from ?? 'built in',
      variable: variableOf(flag.name),
    };
  });
  const form = options.output === 'table' ? undefined : options.output;
  const { file } = configFile(streams.env);
  output(form, streams).result({ file, settings: rows }, (width) =>
    [
      columns(
        rows.map(({ name, value, from }) => [name, value ?? '', from]),
        ['NAME', 'VALUE', 'FROM'],
        width,
      ),
      `File: ${file}\n`,
    ].join(''),
  );
  return 'done';
}
