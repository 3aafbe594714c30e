import { describe, expect, it } from 'vitest';
import { holds, shows } from '../support/compatibility.ts';
import { imageOf, pod } from '../support/manifests.ts';
import { type Scenario, scenario } from '../support/scenario.ts';

/** Answers datagrams with how many it got and how many connections it took, which it begins with when told so. */
const SERVER = `
import socket, threading
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('0.0.0.0', 7001))
tcp = socket.create_server(('0.0.0.0', 7000), backlog=1)
asked, taken = 0, 0
def take():
    global taken
    while True:
        connection, _ = tcp.accept()
        taken += 1
        connection.close()
while True:
    words, peer = udp.recvfrom(100)
    asked += 1
    if words == b'take':
        threading.Thread(target=take, daemon=True).start()
    udp.sendto(f'{asked} {taken}'.encode(), peer)
`;

/** Tries more connections than the server has room for, keeps those that it gets, and tells how many. */
const CROWD = `
import socket, sys, time
kept = []
for n in range(12):
    try:
        kept.append(socket.create_connection((sys.argv[1], 7000), timeout=0.5))
    except TimeoutError:
        pass
print('connected', len(kept), flush=True)
time.sleep(600)
`;

/** From inside the pod. */
const ASK = `
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(5)
udp.sendto(sys.argv[1].encode(), ('127.0.0.1', 7001))
print(udp.recv(100).decode())
`;
const CONNECT = `
import socket
print(socket.create_connection(('127.0.0.1', 7000), timeout=5).recv(10))
`;

async function crowd({ lab, namespace, kubectl }: Scenario, address: string): Promise<number> {
  const command = ['python3', '-c', CROWD, address];
  await kubectl.apply('east', [
    pod({ namespace, name: 'crowd', image: imageOf(lab, 'python'), container: { command } }),
  ]);
  for (let tries = 0; tries < 60; tries++) {
    const { stdout } = await kubectl.try('east', ['-n', namespace, 'logs', 'crowd']);
    const connected = /^connected (\d+)$/m.exec(stdout)?.[1];
    if (connected !== undefined) return Number(connected);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error('the crowd never came');
}

describe('sockets', () => {
  it(
    'a full accept queue and a UDP socket do not keep a server from moving',
    shows(holds('full accept queue'), holds('UDP socket')),
    () =>
      scenario('sockets', async (scene) => {
        const { lab, namespace, kubectl, migrate } = scene;
        const command = ['python3', '-c', SERVER];
        const python = imageOf(lab, 'python');
        await kubectl.apply('east', [
          pod({ namespace, name: 's', image: python, node: 'east-2', container: { command } }),
        ]);
        await kubectl.ready('east', namespace, 's');
        const run = (context: 'east' | 'west', program: string, ...words: string[]) =>
          kubectl.run(context, ['-n', namespace, 'exec', 's', '--', 'python3', '-c', program, ...words]);
        expect(await run('east', ASK, 'hello')).toBe('1 0\n');
        const address = await kubectl.json<{ status: { podIP: string } }>('east', ['-n', namespace, 'pod', 's']);
        const connected = await crowd(scene, address.status.podIP);
        expect(connected).toBeGreaterThan(0);
        expect(connected).toBeLessThan(12);

        const ended = await migrate(['pod', 's', '--context', 'east', '--to-context', 'west', '--yes']);
        expect(ended.code).toBe(0);
        expect(await run('west', ASK, 'take')).toMatch(/^2 \d+\n$/);
        // Closed at once by the server: it has accepted, and goes on to.
        expect(await run('west', CONNECT)).toBe("b''\n");
        expect(await run('west', ASK, 'hello')).toMatch(/^3 [1-9]\d*\n$/);
      }),
  );
});
