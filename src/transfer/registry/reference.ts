/** Where images are kept: `registry.example:5000` and `team/checkpoints`. */
export interface RepositoryRef {
  readonly host: string;
  readonly repository: string;
}

/** OCI distribution-spec 1.1, "Pulling manifests": the grammar of a repository's name. */
const REPOSITORY = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$/;
const HOST = /^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:\d{1,5})?$/;

/** Reads `HOST[:PORT]/REPOSITORY`, without tag and digest; undefined when it is none. Pure. */
export function parseRepository(text: string): RepositoryRef | undefined {
  const slash = text.indexOf('/');
  const host = text.slice(0, slash);
  const repository = text.slice(slash + 1);
  if (slash < 0 || !HOST.test(host) || !REPOSITORY.test(repository) || text.length > 255) return undefined;
  // As every client reads it: a first part that looks like no host name belongs to the repository.
  return /[.:]/.test(host) || host === 'localhost' ? { host, repository } : undefined;
}

/** An image of a repository, by tag or by digest. */
export interface ImageRef extends RepositoryRef {
  readonly reference: string;
}

/** Reads `HOST[:PORT]/REPOSITORY:TAG` or `@DIGEST`; undefined when it is none. Pure. */
export function parseImage(text: string): ImageRef | undefined {
  const [, name = '', tag, digest] = /^([^@]+?)(?::([\w][\w.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(text) ?? [];
  const repository = parseRepository(name);
  const reference = digest ?? tag;
  return repository && reference !== undefined ? { ...repository, reference } : undefined;
}
