import { describe, expect, it } from 'vitest';
import { parseStats } from '../../../src/helper/criu.ts';
import { causeOf, interestingLines } from '../../../src/helper/criu-log.ts';

// Lines captured from CRIU 4.2.1 on the lab.
const iouring = `(00.001146) Error (criu/util.c:1534): rlimit: Can't setup RLIMIT_NOFILE for self: Operation not permitted
pie: 1: Error (criu/pie/parasite.c:588): send_fds failed (-22)
(00.010075) Error (criu/parasite-syscall.c:280): Can't retrieve FDs from socket
(00.011000) Error (criu/cr-dump.c:2023): Dumping FAILED.
`;
const address = `(00.017178)      1: Error (soccr/soccr.c:499): Can't bind inet socket back: Cannot assign requested address
(00.017192)      1: Error (criu/files.c:1221): Unable to open fd=10 id=0xc
(00.021629) Error (criu/cr-restore.c:2331): Restoring FAILED.
(00.022172) Error (criu/cgroup.c:2055): cg: cgroupd: recv req error: No such file or directory
`;

describe("CRIU's log", () => {
  it('is told in a sentence', () => {
    expect(causeOf(iouring)).toMatch(/io_uring/);
    expect(causeOf(address)).toMatch(/bound to an address that the target does not have/);
    expect(causeOf('(00.1) Error (criu/sk-inet.c:1): Unsupported proto 262 for socket 1')).toMatch(/MPTCP/);
    expect(causeOf('(00.1) Error (criu/x.c:1): write: No space left on device')).toMatch(/no room/);
  });

  it.each([
    ["criu/fsnotify.c:284): fsnotify: \tCan't dump that handle", /watches a file/],
    [
      "criu/files-reg.c:2353): Can't open file conf/..2026_11_24_14_36_29.2677727365/a.conf on restore: No such file",
      /ConfigMap/,
    ],
    ["criu/files-reg.c:2353): Can't open file srv/a on restore: No such file", /not there in the target/],
    ['criu/cr-dump.c:1570): A session leader of 26700(1) is outside of its pid namespace', /sandbox/],
    ['criu/tty.c:1): tty: Found dangling tty', /terminal/],
    ['criu/x.c:1): the list is empty', /the list is empty/],
  ])('is told in a sentence: %s', (line, cause) => {
    expect(causeOf(`(00.1) Error (${line}`)).toMatch(cause);
  });

  it('is told by its first error when the cause is unknown', () => {
    expect(causeOf('(00.1) fine\n(00.2) Error (criu/x.c:1): odd thing\n(00.3) Error (criu/y.c:2): then this\n')).toBe(
      'Error (criu/x.c:1): odd thing',
    );
    expect(causeOf('')).toBe('CRIU gave no reason');
  });

  it('loses its harmless lines', () => {
    expect(interestingLines(iouring)[0]).toMatch(/send_fds/);
    expect(interestingLines(address).join()).not.toMatch(/cgroupd/);
  });
});

describe("CRIU's figures", () => {
  it('are read from its statistics', () => {
    // magic, magic, size; field 1 (dump): freezing_time 300, frozen_time 86000
    const inner = [0x08, 0xac, 0x02, 0x10, 0xf0, 0x9f, 0x05];
    const stats = parseStats(Buffer.from([...Array(12).fill(0), 0x0a, inner.length, ...inner]));
    expect([...stats]).toEqual([
      [1, 300],
      [2, 86_000],
    ]);
    expect(parseStats(Buffer.alloc(3)).size).toBe(0);
  });
});
