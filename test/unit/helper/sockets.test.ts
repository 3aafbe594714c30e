import { describe, expect, it } from 'vitest';
import { classifySocket, decodeAddress, parseNetTable } from '../../../src/helper/probe/sockets.ts';

// Captured from a pod with a Go server and a client of its own.
const tcp6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:2328 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1234        0 667376 2 0000000000000000 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:2328 0000000000000000FFFF00000100007F:D0EA 01 00000006:00000000 01:00000015 00000000  1234        0 668304 4 0000000000000000 20 4 1 18 -1
`;

describe('socket tables of /proc', () => {
  it('are read with their addresses', () => {
    expect(parseNetTable(tcp6)).toEqual([
      { inode: 667376, local: '::', localPort: 9000, remote: '::', remotePort: 0, state: 10 },
      { inode: 668304, local: '127.0.0.1', localPort: 9000, remote: '127.0.0.1', remotePort: 53482, state: 1 },
    ]);
  });

  it('decode IPv6', () => {
    expect(decodeAddress('B80D01200000000067452301EFCDAB89')).toBe('2001:db8::123:4567:89ab:cdef');
    expect(decodeAddress('00000000000000000000000001000000')).toBe('::1');
    expect(decodeAddress('0C02630A')).toBe('10.99.2.12');
  });
});

describe('how a socket fares', () => {
  const own = ['10.11.2.3'];
  const line = (local: string, remote = '0.0.0.0', state = 1) => ({
    inode: 1,
    local,
    localPort: 80,
    remote,
    remotePort: remote === '0.0.0.0' ? 0 : 5,
    state,
  });
  const kind = (socket: ReturnType<typeof line>, protocol: 'tcp' | 'udp' = 'tcp') =>
    classifySocket(socket, protocol, own).kind;

  it('comes along when it listens on any address', () => {
    expect(kind(line('0.0.0.0', '0.0.0.0', 10))).toBe('listening');
    expect(kind(line('0.0.0.0', '0.0.0.0', 7), 'udp')).toBe('listening');
  });

  it("cannot move when it is bound to the pod's own address", () => {
    expect(kind(line('10.11.2.3', '0.0.0.0', 10))).toBe('pod-address');
    expect(kind(line('10.11.2.3', '0.0.0.0', 7), 'udp')).toBe('pod-address');
  });

  it('survives inside the pod, by loopback or by its own address', () => {
    expect(kind(line('127.0.0.1', '127.0.0.1'))).toBe('inside');
    expect(kind(line('10.11.2.3', '10.11.2.3'))).toBe('inside');
  });

  it('is reset when the other end is elsewhere', () => {
    expect(kind(line('10.11.2.3', '10.11.1.9'))).toBe('outside');
  });
});
