/** An IPv4 range that the machine has a route to. */
export interface Route {
  readonly link: string;
  readonly address: number;
  readonly mask: number;
}

/** The routes in the text of /proc/net/route, which writes addresses as hexadecimal numbers in the machine's order. */
export function routesIn(text: string): Route[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split('\t'))
    .filter((fields) => fields.length > 7)
    .map((fields) => ({ link: fields[0] ?? '', address: swapped(fields[1] ?? '0'), mask: swapped(fields[7] ?? '0') }));
}

/**
 * What of the machine's own addresses and routes lies in a range or holds it; undefined when the range is free. The
 * default route holds everything and does not count.
 */
export function taken(range: string, addresses: readonly string[], routes: readonly Route[]): string | undefined {
  const wanted = parse(range);
  if (wanted === undefined) throw new Error(`${range} is no IPv4 range`);
  const meets = (other: { address: number; mask: number }) => {
    const mask = (wanted.mask & other.mask) >>> 0;
    return (wanted.address & mask) >>> 0 === (other.address & mask) >>> 0;
  };
  for (const address of addresses) {
    const other = parse(address);
    if (other !== undefined && meets(other)) return `the address ${address}`;
  }
  const route = routes.find((other) => other.mask !== 0 && meets(other));
  return route === undefined ? undefined : `a route through ${route.link}`;
}

function parse(range: string): { address: number; mask: number } | undefined {
  const parts = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(range)?.slice(1).map(Number);
  if (parts === undefined) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, length = 0] = parts;
  const mask = length === 0 ? 0 : (0xffffffff << (32 - length)) >>> 0;
  return { address: ((a << 24) | (b << 16) | (c << 8) | d) >>> 0, mask };
}

function swapped(hexadecimal: string): number {
  const bytes = hexadecimal.match(/../g) ?? [];
  return Number.parseInt(bytes.reverse().join(''), 16);
}
