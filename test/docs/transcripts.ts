/** A command as a page shows it, and what it prints there. */
export interface Transcript {
  /** As it is typed, without the prompt. */
  readonly command: string;
  readonly output: string;
}

const BLOCK = /^```console\n\$ (.*)\n([\s\S]*?)^```$/gm;

/** Every transcript of a page, in order: fenced blocks of `console`, one command each. Pure. */
export function transcriptsOf(page: string): Transcript[] {
  return [...page.matchAll(BLOCK)].map(([, command = '', output = '']) => ({ command, output: output.trimEnd() }));
}

/** The page with other outputs, in the order of its transcripts. Pure. */
export function withOutputs(page: string, outputs: readonly string[]): string {
  let index = 0;
  return page.replace(BLOCK, (_block, command: string) => `\`\`\`console\n$ ${command}\n${outputs[index++]}\n\`\`\``);
}

/** Stands for lines that a page leaves out. */
const LEFT_OUT = '[…]';

/** An output with as many lines left out as a page leaves out of it. Pure. */
export function leftOutAs(page: string, output: string): string {
  const shown = page.split('\n');
  const at = shown.indexOf(LEFT_OUT);
  if (at === -1) return output;
  const lines = output.split('\n');
  const tail = shown.length - at - 1;
  return [...lines.slice(0, at), LEFT_OUT, ...lines.slice(lines.length - tail)].join('\n');
}

const VARIABLE: readonly (readonly [RegExp, string])[] = [
  // Where a line is cut off depends on how long its figures are.
  [/^(.{20}).*…$/gm, '$1…'],
  [/^( *[\w.]+: .{10}).*?… → /gm, '$1… → '],
  // A terminal breaks it where it ends.
  [/\sin\s+all\s+\([^)]*\)/g, ' in all (BASIS)'],
  [/: (nothing has to be pulled|the others pull it when it is needed first)$/gm, ''],
  // The alphabet of generated names in Kubernetes.
  [/-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g, '-NAME'],
  [/\bm-[a-z0-9]{6}\b/g, 'm-ID'],
  [/\bsha256:[0-9a-f]+/g, 'sha256:DIGEST'],
  [/\d{4}-\d\d-\d\d[T ][\d:.]+Z?/g, 'TIME'],
  [/\b\d+(\.\d+)? ?(ms|s|min|m|h|d)\b/g, 'SPAN'],
  [/\b\d+(\.\d+)? ?([KMG]i)?B(\/s)?\b/g, 'SIZE'],
  // Names keep theirs: east-1, cart-0, W201.
  [/(?<![\w-])\d+([.:]\d+)*\b/g, 'N'],
  [/[ \t]+/g, ' '],
];

/** Text without what differs from run to run: ids, times, sizes, counts, and how wide columns are. Pure. */
export function lasting(text: string): string {
  return VARIABLE.reduce((all, [pattern, word]) => all.replace(pattern, word), text)
    .replace(/ +$/gm, '')
    .trim();
}
