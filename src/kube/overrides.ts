import { MigrateError } from '../domain/errors.ts';
import type { SelectedContext, UserEntry } from './kubeconfig.ts';

/** What kubectl's global flags change of a context. An absent field changes nothing. */
export interface ContextOverrides {
  readonly server?: string;
  readonly tlsServerName?: string;
  readonly certificateAuthority?: string;
  readonly insecure?: boolean;
  readonly token?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly as?: string;
  readonly asGroups?: readonly string[];
  readonly asUid?: string;
}

/**
 * A context with flags laid over it. As in kubectl, --insecure-skip-tls-verify takes the place of every certificate
 * authority. A token takes the place of every other credential: the API server would believe a client certificate before
 * it. Throws F302 where a group or a uid is to be impersonated without a user, which the API server refuses. Pure.
 */
export function overrideContext(selected: SelectedContext, flags: ContextOverrides): SelectedContext {
  const cluster = { ...selected.cluster };
  if (flags.server !== undefined) cluster.server = flags.server;
  if (flags.tlsServerName !== undefined) cluster['tls-server-name'] = flags.tlsServerName;
  if (flags.certificateAuthority !== undefined) {
    cluster['certificate-authority'] = flags.certificateAuthority;
    delete cluster['certificate-authority-data'];
  }
  if (flags.insecure) {
    cluster['insecure-skip-tls-verify'] = true;
    delete cluster['certificate-authority'];
    delete cluster['certificate-authority-data'];
  }
  const user = overrideUser(selected.user, flags);
  if (!user.as && (user['as-uid'] || user['as-groups']?.length)) {
    throw new MigrateError('F302', {
      detail: `context '${selected.name}': a group or a uid can be impersonated only together with a user`,
      remedy: 'name the user too: --as, or --to-as for the target',
    });
  }
  return { ...selected, cluster, user };
}

function overrideUser(user: UserEntry, flags: ContextOverrides): UserEntry {
  const changed: UserEntry = flags.token === undefined ? { ...user } : { ...impersonation(user), token: flags.token };
  if (flags.clientCertificate !== undefined) {
    changed['client-certificate'] = flags.clientCertificate;
    delete changed['client-certificate-data'];
  }
  if (flags.clientKey !== undefined) {
    changed['client-key'] = flags.clientKey;
    delete changed['client-key-data'];
  }
  if (flags.as !== undefined) changed.as = flags.as;
  if (flags.asGroups !== undefined && flags.asGroups.length > 0) changed['as-groups'] = [...flags.asGroups];
  if (flags.asUid !== undefined) changed['as-uid'] = flags.asUid;
  return changed;
}

function impersonation(user: UserEntry): UserEntry {
  const kept = ['as', 'as-groups', 'as-uid', 'as-user-extra'].filter((key) => user[key] !== undefined);
  return Object.fromEntries(kept.map((key) => [key, user[key]]));
}

/** The headers of kubeconfig's `as`, `as-groups` and `as-uid`, of which client-node sends none. Pure. */
export function impersonationHeaders(user: UserEntry): Record<string, string | string[]> {
  return {
    ...(user.as && { 'Impersonate-User': user.as }),
    ...(user['as-groups'] && user['as-groups'].length > 0 && { 'Impersonate-Group': user['as-groups'] }),
    ...(user['as-uid'] && { 'Impersonate-Uid': user['as-uid'] }),
  };
}
