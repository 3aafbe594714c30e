/** Bytes of a page on the architectures that CRIU dumps here. */
export const PAGE = 4096;

/** Pages that lie beside each other. `at`: the address of the first. */
export interface Run {
  readonly at: number;
  readonly pages: number;
}

/** A range of addresses; `end` is the first one after it. */
export interface Region {
  readonly start: number;
  readonly end: number;
}

/**
 * The private mappings of a /proc/PID/maps text that may be read, without those that the kernel makes itself. Pure.
 */
export function privateRegions(maps: string): Region[] {
  return maps.split('\n').flatMap((line) => {
    const [, start, end, name] = /^([0-9a-f]+)-([0-9a-f]+) r..p \S+ \S+ \d+\s*(.*)$/.exec(line) ?? [];
    if (start === undefined || end === undefined || /^\[v(var|var_vclock|dso|syscall)\]$/.test(name ?? '')) return [];
    return [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }];
  });
}

// The upper half of an entry of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
const PRESENT = 0x8000_0000;
const SWAPPED = 0x4000_0000;
const OF_FILE = 0x2000_0000;

/**
 * The pages of a private mapping that a dump holds: in memory or swapped out, and not the file's (CRIU, should_dump_page
 * in criu/mem.c). `bits`: the entries of /proc/PID/pagemap from the address `start` on. Pure.
 */
export function heldPages(bits: Buffer, start: number): Run[] {
  const runs: { at: number; pages: number }[] = [];
  for (let index = 0; index * 8 < bits.length; index++) {
    const entry = bits.readUInt32LE(index * 8 + 4);
    if ((entry & (PRESENT | SWAPPED)) === 0 || (entry & OF_FILE) !== 0) continue;
    const at = start + index * PAGE;
    const last = runs.at(-1);
    if (last && last.at + last.pages * PAGE === at) last.pages++;
    else runs.push({ at, pages: 1 });
  }
  return runs;
}

/** Equal pages of two buffers: numbers of pages, the first of them and how many. */
export interface Equal {
  readonly page: number;
  readonly pages: number;
}

/** Where two buffers of as many pages have the same content: halves of what differs are compared again. Pure. */
export function equalPages(one: Buffer, other: Buffer, page = 0, pages = one.length / PAGE): Equal[] {
  const [from, to] = [page * PAGE, (page + pages) * PAGE];
  if (pages === 0) return [];
  if (one.compare(other, from, to, from, to) === 0) return [{ page, pages }];
  if (pages === 1) return [];
  const half = pages >> 1;
  return [...equalPages(one, other, page, half), ...equalPages(one, other, page + half, pages - half)];
}
