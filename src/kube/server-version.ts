import { z } from 'zod';
import type { ApiClient } from './api-client.ts';
import { toMigrateError } from './errors.ts';
import { unreadable } from './failures.ts';

const versionSchema = z.looseObject({ gitVersion: z.string() });

/** `v1.37.0`, as the API server says. Throws F310 to F317. */
export async function serverVersion(api: ApiClient, signal?: AbortSignal): Promise<string> {
  try {
    const answer = versionSchema.safeParse(await api.request({ method: 'GET', path: '/version', signal }));
    if (!answer.success) throw unreadable('the answer is not a version');
    return answer.data.gitVersion;
  } catch (error) {
    const { context, server, requestTimeoutMs: timeoutMs } = api;
    throw toMigrateError(error, { verb: 'get', resource: 'version', object: 'version', context, server, timeoutMs });
  }
}
