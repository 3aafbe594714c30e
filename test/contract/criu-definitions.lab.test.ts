import { expect, it } from 'vitest';
import definitions from '../../src/engines/kubelet/criu/definitions.json' with { type: 'json' };
import { labDescriptor } from '../support/criu-images.ts';

interface Message {
  readonly fields?: Readonly<Record<string, object>>;
}

/** Registers and what a processor has besides, and open files but internet sockets: nobody looks at them, and they are most of it. */
const LEFT_OUT: Readonly<Record<string, RegExp>> = {
  core_entry: /^(?:thread_info|ti_\w+)$/,
  file_entry: /^(?!type$|id$|isk$)/,
};

it('the plugin has CRIU’s definitions of what it looks at, field by field', async () => {
  const all = (JSON.parse(await labDescriptor()) as { nested: Record<string, Message> }).nested;
  for (const [name, message] of Object.entries(definitions.nested as Record<string, Message>)) {
    const { fields, ...rest } = all[name] ?? {};
    const kept = Object.entries(fields ?? {}).filter(([field]) => !LEFT_OUT[name]?.test(field));
    const plain = kept.map(([field, { options: _options, ...said }]: [string, { options?: object }]) => [field, said]);
    expect(message, name).toEqual({ ...rest, ...(fields && { fields: Object.fromEntries(plain) }) });
  }
});
