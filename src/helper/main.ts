import { parseArgs } from 'node:util';
import { sendArchive } from './archive.ts';
import { archiveSchema } from './protocol.ts';
import { tryAddress } from './reach.ts';
import { serve } from './serve.ts';

const USAGE = 'usage: helper serve --deadline-ms N | archive PATH\n';
const LONGEST_DEADLINE_MS = 7 * 86_400_000;

async function main(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    allowPositionals: true,
    options: { 'deadline-ms': { type: 'string', default: '3600000' } },
  });
  const [act, subject, timeoutMs] = positionals;
  const deadlineMs = Number(values['deadline-ms']);
  if (act === 'serve' && deadlineMs > 0 && deadlineMs <= LONGEST_DEADLINE_MS) return serve({ deadlineMs });
  if (act === 'archive' && archiveSchema.safeParse(subject).success) return sendArchive(subject ?? '');
  if (act === 'reach' && subject && Number(timeoutMs) > 0) {
    process.stdout.write(JSON.stringify(await tryAddress(subject, Number(timeoutMs))));
    return 0;
  }
  process.stderr.write(USAGE);
  return 2;
}

main(process.argv.slice(2)).then(
  (status) => process.exit(status),
  (error: unknown) => {
    process.stderr.write(`helper: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
