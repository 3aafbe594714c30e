// What a helper pod must look like for the helper to work; the plugin builds the pod with these.

/** Where control streams find the helper's main process. */
export const CONTROL_SOCKET = '/run/kubectl-migrate/control.sock';
/** Where bulk streams find it. */
export const BULK_SOCKET = '/run/kubectl-migrate/bulk.sock';

/** native/join.c: joins the exec's stdin and stdout with a socket. */
const JOIN = '/usr/bin/join';

/** Where the images are kept: an emptyDir with `medium: Memory`. */
export const IMAGES_DIR = '/images';

/**
 * Command of the helper pod's container. `deadlineMs`: when the helper ends itself, and thaws what it had not sealed; one
 * that keeps a sealed source, or a target that was restored and not continued, stays until that is over.
 */
export function helperCommand(deadlineMs: number): string[] {
  return ['/usr/bin/node', '/helper.cjs', 'serve', '--deadline-ms', String(deadlineMs)];
}

/** Exec that carries requests and replies. */
export const ATTACH_COMMAND: readonly string[] = [JOIN, CONTROL_SOCKET];

/** Exec that writes the archive of a checkpoint to stdout. */
export function archiveCommand(archive: string): string[] {
  return ['/usr/bin/node', '/helper.cjs', 'archive', archive];
}

/** Exec that carries the bulk stream of one channel, which it introduces itself as. */
export function bulkCommand(channel: string): string[] {
  return [JOIN, BULK_SOCKET, JSON.stringify({ channel })];
}
