import type { Resource } from '../../src/kube/ports.ts';
import { RESOURCES } from '../../src/kube/resources.ts';
import { status } from './fake-store.ts';

/** What a REST path names. */
export interface Route {
  readonly resource: Resource;
  readonly namespace: string | undefined;
  /** Absent for a collection. */
  readonly name: string | undefined;
}

const KNOWN: readonly Resource[] = Object.values(RESOURCES);

/** Reads a REST path; 404 for kinds that the cluster does not serve. */
export function parsePath(path: string): Route {
  const [root, ...rest] = path.split('/').slice(1).map(decodeURIComponent);
  const apiVersion = root === 'api' ? rest.shift() : `${rest.shift()}/${rest.shift()}`;
  const scoped = rest[0] === 'namespaces' && rest.length > 2;
  const namespace = scoped ? rest[1] : undefined;
  const [plural, name] = scoped ? rest.slice(2) : rest;
  const resource = KNOWN.find((each) => each.apiVersion === apiVersion && each.plural === plural);
  if (resource === undefined) throw status(404, 'NotFound', 'the server could not find the requested resource');
  return { resource, namespace, name };
}
