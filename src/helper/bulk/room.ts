import { readFileSync } from 'node:fs';
import { HelperFailure } from '../failure.ts';
import { PAGE } from '../memory/pages.ts';
import type { TransferSink } from './framing.ts';

/** What has to stay available on the node, in bytes: less than what a plan asks for beyond the image (E133). */
const KEPT_BYTES = 64 * 2 ** 20;
/** After so many bytes it is looked at again. */
const EACH_BYTES = 8 * 2 ** 20;
/** What a file takes that has nothing in it, in bytes. */
const FILE_BYTES = 4096;

/** Memory that programs of this node can still have, in bytes. */
export function availableMemory(): number {
  const available = /^MemAvailable:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? '0';
  return Number(available) * 1024;
}

/**
 * Lets a transfer go on only as long as it leaves its node memory: what comes lies in memory, how much it will be follows
 * from nothing that is known here (ADR 10), and the sender may lie. Throws `no-space`.
 */
export function withinMemory(sink: TransferSink, available = availableMemory): TransferSink {
  let since = EACH_BYTES;
  const expectRoom = (bytes: number): void => {
    since += bytes;
    if (since < EACH_BYTES) return;
    since = 0;
    const left = available();
    if (left >= KEPT_BYTES) return;
    throw new HelperFailure(
      'no-space',
      `what comes would use up the memory of the target node: ${left} bytes are left`,
    );
  };
  const { known } = sink;
  return {
    part: async (part) => {
      expectRoom(FILE_BYTES);
      await sink.part(part);
    },
    data: async (data) => {
      expectRoom(data.byteLength);
      await sink.data(data);
    },
    ...(known && {
      known: async (runs) => {
        expectRoom(runs.reduce((sum, { pages }) => sum + pages * PAGE, 0));
        await known(runs);
      },
    }),
    end: () => sink.end(),
  };
}
