import type { Totals } from '../bulk/framing.ts';
import type { MovedVolume } from '../protocol.ts';
import { type Copied, sectionsOf, sendFiles } from './copy.ts';

/** Sends a container's files and remembers what it sent: the next time goes only what changed since. */
export class FileSender {
  #copied = new Map<string, Copied>();
  #copiedOf = '';

  async send(
    containerId: string,
    pid: number,
    volumes: readonly MovedVolume[],
    writer: Parameters<typeof sendFiles>[3],
  ): Promise<Totals> {
    const identity = `${containerId} ${pid}`;
    const former = this.#copiedOf === identity ? this.#copied : new Map<string, Copied>();
    // Until this transfer is complete nothing is known of the copy.
    this.#copied = new Map();
    this.#copiedOf = identity;
    try {
      const { files, copied } = await sendFiles(pid, sectionsOf(pid, volumes), former, writer);
      const totals = await writer.end(files);
      this.#copied = copied;
      return totals;
    } catch (error) {
      await writer.fail(String(error)).catch(() => {});
      throw error;
    }
  }
}
