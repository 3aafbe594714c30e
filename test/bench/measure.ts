import { z } from 'zod';
import type { Lab } from '../lab/index.ts';
import { type Context, type Kubectl, runProcess } from '../support/kubectl.ts';
import { httpLoad, redisLoad } from '../support/load-client.ts';
import { imageOf, pod, service, WITHOUT_IO_URING } from '../support/manifests.ts';

export interface Workload {
  readonly name: string;
  readonly image: string;
  readonly port: number;
}

/** What is moved: redis with next to nothing in it (3 MB), and a Node.js program. */
export const WORKLOADS: readonly Workload[] = [
  { name: 'redis', image: 'redis', port: 6379 },
  { name: 'node', image: 'node-counter', port: 8080 },
];

export interface Bench {
  readonly lab: Lab;
  readonly kubectl: Kubectl;
  readonly program: string;
  readonly workload: Workload;
}

/**
 * One move. All figures in ms. `downMs`: the longest gap between two successful requests of a client. `criuMs`: CRIU's
 * two processes from start to end. `criuStatsMs`: what its own statistics tell of it, which leave out its start-up.
 */
export interface Measured {
  readonly downMs: number;
  readonly criuMs: number;
  readonly criuStatsMs: number;
  readonly phases: Readonly<Record<string, number>>;
}

const NAMESPACE = 'bench';
const criu = z.looseObject({ totalMs: z.number(), wallMs: z.number() });
const resultSchema = z.looseObject({
  results: z.looseObject({
    freeze: z.looseObject({
      criu,
      timings: z.looseObject({
        lockMs: z.number(),
        dumpMs: z.number(),
        imagesMs: z.number(),
        deltaMs: z.number(),
        totalMs: z.number(),
      }),
    }),
    restore: z.looseObject({ criu, guardMs: z.number(), totalMs: z.number() }),
    switch: z.looseObject({ downMs: z.number() }),
  }),
});
const stepDone = z.looseObject({ code: z.literal('I403'), step: z.string(), data: z.looseObject({ ms: z.number() }) });

/** Namespaces, the pod in east and its service. Idempotent. */
export async function prepare({ lab, kubectl, workload }: Bench): Promise<void> {
  for (const context of ['east', 'west'] as const) {
    await kubectl.run(context, ['delete', 'namespace', NAMESPACE, '--ignore-not-found']);
    await kubectl.run(context, ['create', 'namespace', NAMESPACE]);
  }
  await kubectl.apply('east', [manifest(lab, workload), service(NAMESPACE, workload.name, workload.port)]);
  await kubectl.ready('east', NAMESPACE, workload.name);
}

function manifest(lab: Lab, { name, image, port }: Workload): object {
  return pod({ namespace: NAMESPACE, name, image: imageOf(lab, image), port, ...WITHOUT_IO_URING });
}

/** The n-th move: east to west when n is even, west to east when it is odd. The client asks where the pod was. */
export async function move(bench: Bench, n: number): Promise<Measured> {
  const { lab, program, workload } = bench;
  const [from, to] = directions(n);
  const load = await client(bench, from, n);
  const words = ['pod', workload.name, '-n', NAMESPACE, '--context', from, '--to-context', to, '--yes', '-o', 'json'];
  const env = { KUBECONFIG: lab.kubeconfig, KUBECTL_MIGRATE_HELPER_IMAGE: lab.helperImage ?? '' };
  const ended = await runProcess(program, words, { env });
  if (ended.code !== 0) throw new Error(`move ${n} failed: ${ended.stdout}${ended.stderr}`);
  const { longestGapMs } = await load.stop();
  const { results } = resultSchema.parse(JSON.parse(ended.stdout));
  const steps = stepTimes(ended.stderr);
  const { freeze, restore } = results;
  return {
    downMs: longestGapMs,
    criuMs: freeze.criu.wallMs + restore.criu.wallMs,
    criuStatsMs: freeze.criu.totalMs + restore.criu.totalMs,
    phases: {
      lock: freeze.timings.lockMs,
      dump: freeze.timings.dumpMs,
      images: freeze.timings.imagesMs,
      'changed files': freeze.timings.deltaMs,
      transfer: (steps['transfer'] ?? 0) + Math.max(0, (steps['freeze'] ?? 0) - freeze.timings.totalMs),
      'compare with the pod': restore.guardMs,
      restore: (steps['restore'] ?? 0) - restore.guardMs,
      verify: steps['verify'] ?? 0,
      commit: steps['commit'] ?? 0,
      'freeze to routed': results.switch.downMs,
      reconnect: Math.max(0, longestGapMs - results.switch.downMs),
    },
  };
}

/**
 * Deletes the pod, makes it anew in the other cluster, leads the service there: all memory lost. Starts from a fresh
 * namespace. Yields ms of gap.
 */
export async function coldMove(bench: Bench, n: number): Promise<number> {
  const { kubectl, lab, workload } = bench;
  await prepare(bench);
  const load = await client(bench, 'east', n);
  await kubectl.run('east', ['-n', NAMESPACE, 'delete', 'pod', workload.name]);
  await kubectl.apply('west', [manifest(lab, workload)]);
  await kubectl.ready('west', NAMESPACE, workload.name);
  const { status } = await kubectl.json<{ status: { podIP: string } }>('west', ['-n', NAMESPACE, 'pod', workload.name]);
  await leadTo(kubectl, 'east', workload, status.podIP);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  return (await load.stop()).longestGapMs;
}

/** What somebody would do by hand: the selector away, an endpoint slice with the new address. */
async function leadTo(kubectl: Kubectl, context: Context, { name, port }: Workload, address: string): Promise<void> {
  await kubectl.apply(context, [
    {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: `${name}-cold`, namespace: NAMESPACE, labels: { 'kubernetes.io/service-name': name } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: '', port, protocol: 'TCP' }],
    },
  ]);
}

function directions(n: number): [Context, Context] {
  return n % 2 === 0 ? ['east', 'west'] : ['west', 'east'];
}

async function client({ lab, kubectl, workload }: Bench, context: Context, n: number) {
  const options = { lab, kubectl, context, namespace: NAMESPACE, name: `client-${n}`, node: `${context}-1` };
  const load =
    workload.image === 'redis'
      ? await redisLoad(options, `${workload.name}:${workload.port}`)
      : await httpLoad(options, `http://${workload.name}:${workload.port}/`);
  await load.going;
  return load;
}

function stepTimes(events: string): Record<string, number> {
  const times: Record<string, number> = {};
  for (const line of events.split('\n').filter(Boolean)) {
    const event = stepDone.safeParse(JSON.parse(line));
    if (event.success) times[event.data.step] = event.data.data.ms;
  }
  return times;
}
