import type { FrameWriter, Totals } from '../bulk/framing.ts';
import { type Copied, type Member, sendFiles } from './copy.ts';

/** Sends the files of a pod's containers and remembers what it sent: the next time goes only what changed since. */
export class FileSender {
  #copied = new Map<string, Copied>();
  #copiedOf = '';

  async send(members: readonly Member[], writer: FrameWriter): Promise<Totals> {
    const identity = members.map(({ rootPid }) => rootPid).join(' ');
    const former = this.#copiedOf === identity ? this.#copied : new Map<string, Copied>();
    // Until this transfer is complete nothing is known of the copy.
    this.#copied = new Map();
    this.#copiedOf = identity;
    try {
      const { files, copied } = await sendFiles(members, former, writer);
      const totals = await writer.end(files);
      this.#copied = copied;
      return totals;
    } catch (error) {
      await writer.fail(String(error)).catch(() => {});
      throw error;
    }
  }
}
