import { z } from 'zod';
import { type ApiClient, resourcePath, statusCode } from './api-client.ts';
import { unreadable } from './failures.ts';
import type { KubeObject } from './objects.ts';
import type { ListOptions, Resource } from './ports.ts';

/** Objects per page of a list, as kubectl asks for. */
const PAGE = 500;

const objectSchema = z.looseObject({ metadata: z.looseObject({ name: z.string() }) });
const listSchema = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string().optional(), continue: z.string().optional() }),
  items: z.array(objectSchema).nullish(),
});

/** Undefined for a missing object. Throws ApiFailure. */
export async function getObject<T extends KubeObject>(
  api: ApiClient,
  resource: Resource,
  name: string,
  options: ListOptions,
): Promise<T | undefined> {
  try {
    const path = resourcePath(resource, options.namespace, name);
    return asObject<T>(await api.request({ method: 'GET', path, signal: options.signal }), resource);
  } catch (error) {
    if (statusCode(error) === 404) return undefined;
    throw error;
  }
}

/** Every page of a list; starts over without pages when the server forgot where it was (410). Throws ApiFailure. */
export async function listObjects<T extends KubeObject>(
  api: ApiClient,
  resource: Resource,
  options: ListOptions,
): Promise<T[]> {
  const all: T[] = [];
  let token: string | undefined;
  try {
    do {
      const page = await listPage<T>(api, resource, options, { limit: String(PAGE), continue: token });
      all.push(...page.items);
      token = page.continue;
    } while (token !== undefined);
    return all;
  } catch (error) {
    if (statusCode(error) !== 410 || token === undefined) throw error;
    return (await listPage<T>(api, resource, options, {})).items;
  }
}

/** The pages of a list one after the other; each may be asked for again. Throws ApiFailure. */
export async function* listPages<T extends KubeObject>(
  api: ApiClient,
  resource: Resource,
  options: ListOptions,
  again: <P>(act: () => Promise<P>) => Promise<P>,
): AsyncGenerator<T[]> {
  let token: string | undefined;
  do {
    const from = token;
    const page = await again(() => listPage<T>(api, resource, options, { limit: String(PAGE), continue: from }));
    yield page.items;
    token = page.continue;
  } while (token !== undefined);
}

/** One page of a list with the version to watch from. Throws ApiFailure. */
export async function listPage<T extends KubeObject>(
  api: ApiClient,
  resource: Resource,
  options: ListOptions,
  paging: { readonly limit?: string; readonly continue?: string | undefined },
): Promise<{ items: T[]; resourceVersion: string; continue?: string }> {
  const query: Record<string, string> = {};
  for (const [key, value] of Object.entries({ ...paging, ...selectors(options) })) {
    if (value !== undefined) query[key] = value;
  }
  const path = resourcePath(resource, options.namespace);
  const list = listSchema.safeParse(await api.request({ method: 'GET', path, query, signal: options.signal }));
  if (!list.success) throw unreadable('the answer is not a list');
  const { metadata, items } = list.data;
  return {
    items: (items ?? []).map((item) => asObject<T>(item, resource)),
    resourceVersion: metadata.resourceVersion ?? '',
    ...(metadata.continue ? { continue: metadata.continue } : {}),
  };
}

function selectors(options: ListOptions): Record<string, string | undefined> {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}

/** Checks the outline only; kind and apiVersion are added because the items of a list lack them. */
export function asObject<T extends KubeObject>(value: unknown, resource: Resource): T {
  const object = objectSchema.safeParse(value);
  if (!object.success) throw unreadable(`the answer is not a ${resource.kind}`);
  return { ...object.data, apiVersion: resource.apiVersion, kind: resource.kind } as unknown as T;
}
