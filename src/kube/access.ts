import { z } from 'zod';
import { type ApiClient, statusCode } from './api-client.ts';
import type { Access, ReadOptions } from './ports.ts';

const reviewSchema = z.looseObject({ status: z.looseObject({ allowed: z.boolean().default(false) }).optional() });
const selfSchema = z.looseObject({
  status: z.looseObject({ userInfo: z.looseObject({ username: z.string().default('') }).optional() }).optional(),
});

/**
 * Asks a SelfSubjectAccessReview for each question, all at once, and yields those that are answered with no, in order.
 * Throws ApiFailure.
 */
export async function refusedAccess(
  api: ApiClient,
  questions: readonly Access[],
  options: ReadOptions,
): Promise<Access[]> {
  const answers = await Promise.all(questions.map((question) => isAllowed(api, question, options)));
  return questions.filter((_, index) => answers[index] !== true);
}

async function isAllowed(api: ApiClient, question: Access, options: ReadOptions): Promise<boolean> {
  const { verb, group, resource, subresource, namespace, name } = question;
  const answer = await api.request({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: { verb, group, resource, subresource, namespace, name } },
    },
    signal: options.signal,
  });
  return reviewSchema.parse(answer).status?.allowed === true;
}

/** The user's name by SelfSubjectReview; '' where the server has no such API (before 1.28) or refuses it. */
export async function currentUser(api: ApiClient, options: ReadOptions): Promise<string> {
  try {
    const answer = await api.request({
      method: 'POST',
      path: '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
      signal: options.signal,
    });
    return selfSchema.parse(answer).status?.userInfo?.username ?? '';
  } catch (error) {
    const code = statusCode(error);
    if (code === 403 || code === 404) return '';
    throw error;
  }
}
