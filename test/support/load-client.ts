import { spawn } from 'node:child_process';
import { z } from 'zod';
import type { Lab } from '../lab/index.ts';
import type { Context, Kubectl } from './kubectl.ts';
import { imageOf } from './manifests.ts';

const ranges = z.array(z.tuple([z.number(), z.number()]));

const common = {
  event: z.literal('summary'),
  attempted: z.number(),
  acknowledged: z.number(),
  errors: z.number(),
  longestGapMs: z.number(),
};
const redisSummary = z.looseObject({
  ...common,
  id: z.string(),
  acknowledgedRanges: ranges,
  unknown: z.array(z.number()),
});
const httpSummary = z.looseObject({
  ...common,
  firstCount: z.number(),
  lastCount: z.number(),
  countWentBack: ranges,
  uptimeWentBack: ranges,
});

const collectorSummary = z.looseObject({
  event: common.event,
  witnesses: z.array(
    z.looseObject({
      boot: z.string(),
      received: z.number(),
      repeated: z.array(z.number()),
      longestGapMs: z.number(),
      silentMs: z.number(),
    }),
  ),
  refused: z.number(),
});

/** What the client that writes to redis has seen. Gaps in ms, between two successes. */
export type RedisSummary = z.infer<typeof redisSummary>;
/** What the client that asks an HTTP server has seen. */
export type HttpSummary = z.infer<typeof httpSummary>;
/** What witnesses have told a collector. `repeated`: counts that came more than once, so two copies have said them. */
export type CollectorSummary = z.infer<typeof collectorSummary>;

export interface LoadOptions {
  readonly lab: Lab;
  readonly kubectl: Kubectl;
  readonly context: Context;
  readonly namespace: string;
  readonly name: string;
  readonly node?: string;
}

/** A pod of the lab that puts load on a Service and counts what it gets. */
export interface Load<Summary> {
  /** Resolves once the client has been at it for a second. */
  readonly going: Promise<void>;
  /** Ends the client, waits until its pod is gone, and yields its own account. */
  stop(): Promise<Summary>;
}

/**
 * Writes to redis through `address`, every write with an id of its own. `patience`: how long it waits for an answer
 * before it connects anew, as Go writes durations.
 */
export function redisLoad(options: LoadOptions, address: string, patience = '1s'): Promise<Load<RedisSummary>> {
  return start(options, ['redis', '-address', address, '-timeout', patience], redisSummary);
}

/** Asks an HTTP server every 5 ms, each time over a new connection. */
export function httpLoad(options: LoadOptions, url: string): Promise<Load<HttpSummary>> {
  return start(options, ['http', '-url', url], httpSummary);
}

/** Listens to witnesses. */
export function collector(options: LoadOptions, port: number): Promise<Load<CollectorSummary>> {
  return start(options, ['collect', '-listen', `:${port}`], collectorSummary);
}

/**
 * A container that tells a collector every 10 ms that it runs, with counts that are nowhere but in its memory. `boot`: the
 * name that it does so under, made up by it otherwise.
 */
export function witness(lab: Lab, name: string, address: string, boot = ''): object {
  const args = ['witness', '-address', address, '-interval', '10ms', '-timeout', '200ms', '-boot', boot];
  return { name, image: imageOf(lab, 'client'), args };
}

async function start<Summary>(
  { lab, kubectl, context, namespace, name, node }: LoadOptions,
  command: readonly string[],
  schema: z.ZodType<Summary>,
): Promise<Load<Summary>> {
  const container = { name: 'client', image: imageOf(lab, 'client'), args: command };
  await kubectl.apply(context, [
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace },
      spec: { restartPolicy: 'Never', ...(node !== undefined && { nodeName: node }), containers: [container] },
    },
  ]);
  await kubectl.ready(context, namespace, name);
  const args = ['--kubeconfig', lab.kubeconfig, '--context', context, '-n', namespace, 'logs', '-f', name];
  let text = '';
  let stopping = false;
  let begin: () => void;
  const going = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const ended = new Promise<void>((resolve) => {
    // An API server that goes away ends the stream; the next one begins with all that was said.
    const follow = () => {
      text = '';
      const logs = spawn(lab.kubectl, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      logs.stdout.on('data', (chunk) => {
        text += chunk;
        if (text.includes('"event":"progress"')) begin();
      });
      logs.on('close', () => (stopping ? resolve() : setTimeout(follow, 500).unref()));
    };
    follow();
  });
  return {
    going,
    stop: async () => {
      stopping = true;
      await kubectl.run(context, ['-n', namespace, 'delete', 'pod', name, '--grace-period=10', '--timeout=60s']);
      await ended;
      const last = text.trimEnd().split('\n').at(-1) ?? '';
      return schema.parse(JSON.parse(last));
    },
  };
}
