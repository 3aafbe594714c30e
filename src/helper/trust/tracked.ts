import type { Named } from './criu-image.ts';

/** The images of tracked connections, and of those that are expected, of a folder. */
export const TRACKED = /^netns-(?:ct|exp)-\d+\.img$/;
/** Bytes of a message's head (`nlmsghdr` of netlink(7)), which begins with its length and its type. */
const HEAD = 16;
/** IPCTNL_MSG_CT_NEW and IPCTNL_MSG_EXP_NEW, each of its subsystem: an entry, as the kernel lists it and takes it. */
const ENTRIES = new Set([0x100, 0x200]);

/**
 * In words, what is no entry in images of tracked connections. CRIU sends whatever message is in them to netfilter in the
 * pod's network, as root and also where it makes no network (criu/net.c, restore_nf_ct). Pure.
 */
export function trackedExcesses(images: readonly Named[]): string[] {
  return images
    .filter(({ data }) => !hasOnlyEntries(data))
    .map(({ name }) => `${name}: something other than tracked connections`);
}

function hasOnlyEntries(data: Buffer): boolean {
  for (let at = 0; at < data.length; ) {
    const length = data.length - at < HEAD ? 0 : data.readUInt32LE(at);
    if (length < HEAD || length > data.length - at || !ENTRIES.has(data.readUInt16LE(at + 4))) return false;
    at += length;
  }
  return true;
}
