/** A server's address as it may be shown, and the user and password that stood in it. */
export interface ServerAddress {
  /** Empty where it is no URL: nobody can tell what of that would be a password. */
  readonly address: string;
  /** `user:password`, as basic authentication takes it. */
  readonly auth?: string;
}

/**
 * Takes user and password out of an address (`https://user:password@host`): kubectl, as every program of Go's net/http,
 * logs in with them where nothing else is given, and nobody else is to see them. They are where whoever connects finds them,
 * by `URL`, which takes `https:user:password@host` for the same. Pure.
 */
export function withoutUserInfo(server: string): ServerAddress {
  if (!URL.canParse(server)) return { address: '' };
  const url = new URL(server);
  const { username, password } = url;
  if (username === '' && password === '') return { address: server };
  url.username = '';
  url.password = '';
  return { address: url.href.replace(/\/$/, ''), auth: `${decoded(username)}:${decoded(password)}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
