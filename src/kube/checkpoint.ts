import { z } from 'zod';
import { MigrateError } from '../domain/errors.ts';
import { type ApiClient, ApiFailure } from './api-client.ts';
import { unreadable } from './failures.ts';

/** A container whose checkpoint is wanted of the kubelet of its node. */
export interface CheckpointRequest {
  readonly node: string;
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  /** How long kubelet and runtime may take, in ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const replySchema = z.looseObject({ items: z.array(z.string().startsWith('/').max(4096)).min(1) });

/**
 * Asks a node's kubelet, through the API server's node proxy, for a checkpoint of one container (KEP-2008). The container
 * goes on running. Yields where on the node the archive lies. Not idempotent: every call makes an archive, whether or not
 * anybody waits for it, so that the signal ends only what kubelet was not asked for by then.
 * Throws F345 with kubelet's own words, ApiFailure for what the API server itself refuses.
 */
export async function takeCheckpoint(api: ApiClient, request: CheckpointRequest): Promise<string> {
  const names = [request.namespace, request.pod, request.container].map(encodeURIComponent).join('/');
  const seconds = String(Math.max(1, Math.ceil(request.timeoutMs / 1000)));
  try {
    const reply = await api.request({
      method: 'POST',
      path: `/api/v1/nodes/${encodeURIComponent(request.node)}/proxy/checkpoint/${names}`,
      query: { timeout: seconds },
      timeoutMs: request.timeoutMs,
      proxied: true,
      signal: request.signal,
      lingerMs: request.timeoutMs,
    });
    const [archive] = replySchema.parse(reply).items;
    if (archive === undefined) throw unreadable('the answer names no archive');
    return archive;
  } catch (error) {
    if (error instanceof z.ZodError) throw unreadable('the answer is not one of kubelet to a checkpoint');
    throw explained(error, request);
  }
}

/** What kubelet says of a checkpoint, by its words, and what would help. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [
    /^Forbidden \(user=/,
    'let the API server’s own user ask kubelet for it: create nodes/checkpoint in its ClusterRole (kubernetes #126724)',
  ],
  [/^404 page not found/, 'enable the feature gate ContainerCheckpoint of that kubelet, or use --engine helper'],
  [
    /support not available|not implemented|criu binary|enable_criu/i,
    'install criu on that node and enable it in its runtime, or use --engine helper',
  ],
  [/MPTCP|Unsupported proto 262/i, 'start the program with GODEBUG=multipathtcp=0, or use --engine helper'],
];

function explained(error: unknown, { node, namespace, pod, container }: CheckpointRequest): unknown {
  if (!(error instanceof ApiFailure) || error.info.kind !== 'status' || !error.info.status.proxied) return error;
  const { code, message } = error.info.status;
  const said = message.replace(/\s+/g, ' ').trim().slice(0, 1500);
  const remedy = MEANINGS.find(([words]) => words.test(message.trim()))?.[1];
  return new MigrateError('F345', {
    detail: `kubelet of node ${node} answered ${code} for container ${container} of ${namespace}/${pod}: ${said}`,
    remedy: remedy ?? 'look at the runtime’s log on that node, or use --engine helper, which reads CRIU’s log itself',
    cause: error,
  });
}
