/** A server's address as it may be shown, and the user and password that stood in it. */
export interface ServerAddress {
  readonly address: string;
  /** `user:password`, as basic authentication takes it. */
  readonly auth?: string;
}

/**
 * Takes user and password out of an address (`https://user:password@host`): kubectl, as every program of Go's net/http,
 * logs in with them where nothing else is given, and nobody else is to see them. Pure.
 */
export function withoutUserInfo(server: string): ServerAddress {
  const [, scheme = '', info, rest = ''] = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)@(.*)$/is.exec(server) ?? [];
  if (info === undefined) return { address: server };
  const [user = '', ...password] = info.split(':');
  return { address: `${scheme}${rest}`, auth: `${decoded(user)}:${decoded(password.join(':'))}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
