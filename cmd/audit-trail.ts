import { audited } from '../src/audit/audited.ts';
import type { Head } from '../src/audit/chain.ts';
import { type AuditChain, createAuditChain } from '../src/audit/config-map-chain.ts';
import type { AuditEntry } from '../src/audit/entry.ts';
import { asMigrateError, failureCode } from '../src/domain/errors.ts';
import type { Plan } from '../src/domain/plan.ts';
import type { Side } from '../src/domain/refs.ts';
import { ensureNamespace } from '../src/engines/helper/system-namespace.ts';
import { expectNoneCommitted } from '../src/journal/committed-locks.ts';
import { recordSides } from '../src/journal/config-map-sink.ts';
import { othersWithLocks } from '../src/journal/lease-access.ts';
import type { Journal } from '../src/journal/ports.ts';
import { type JournalRecord, planDigest } from '../src/journal/record.ts';
import { recordedForm } from '../src/journal/withheld-secret.ts';
import { createGateway } from '../src/kube/gateway.ts';
import type { Gateway } from '../src/kube/ports.ts';
import { resultsOf } from '../src/runner/resume.ts';
import type { Workplace } from './session.ts';

/**
 * Runs an act on a migration between two entries in the audit records of its clusters. Throws F351 when a record cannot
 * be written; then the act has not begun. A cluster that cannot be asked keeps nobody from bringing a migration to its
 * end: with `takingUp` it is told of, and the other cluster's record has to do.
 */
export async function onTheRecord<T>(
  plan: Plan,
  place: Workplace,
  how: {
    readonly gateway: Gateway;
    readonly action: AuditEntry['action'];
    readonly takingUp: boolean;
    /** Absent where the act takes no image and has no record. */
    readonly journal?: Pick<Journal, 'record' | 'append'>;
    readonly takenFrom?: readonly string[];
  },
  act: () => Promise<T>,
): Promise<T> {
  const { reporter, clock, newUuid } = place;
  const warn = (text: string) => reporter.notify({ code: 'W421', text });
  const chains = recordSides(plan).map((side) => ({
    side,
    chain: createAuditChain({ reader: place[side].reader, gateway: how.gateway }),
  }));
  const told: (typeof chains)[number][] = [];
  for (const each of chains) {
    const { side, chain } = each;
    if (!how.takingUp || (await answers(chain))) told.push(each);
    else warn(`${plan[side].context} cannot be asked: its audit record does not tell of this`);
  }
  const { action, takenFrom, journal } = how;
  const about = { ...(await aboutClusters(plan, place)), ...(takenFrom && { takenFrom: [...takenFrom] }) };
  const subject = { ...about, action, migration: plan.id };
  const { host, version } = place.worker;
  const note = async (heads: readonly (Head | undefined)[]): Promise<void> => {
    const bySide = told.flatMap(({ side }, index) => (heads[index] ? [[side, { ...heads[index] }]] : []));
    await journal?.append([{ step: 'audit', kind: 'audited', data: Object.fromEntries(bySide) }]);
  };
  return audited(
    {
      chains: told.map(({ chain }) => chain),
      subject: { ...subject, host, version, planDigest: planDigest(recordedForm(plan)) },
      now: () => new Date(clock.now()).toISOString(),
      newUuid,
      archiveDigest: () => journal && archiveDigest(journal.record()),
      anchor: note,
      anchorEnd: async (heads) => {
        // The record goes with a move that was led back; the copy on this machine says that it has ended.
        if (journal?.record().state === 'rolled-back') return;
        await note(heads).catch((error: unknown) =>
          warn(`the record of ${plan.id} does not tell where the audit record ended: ${asMigrateError(error).detail}`),
        );
      },
      onUntold: (where, error) => warn(`${where} does not tell how this ended: ${asMigrateError(error).detail}`),
    },
    act,
  );
}

/**
 * Begins the work on a migration. With `--force-unlock`, and where another one has its lock, that is told of as an act of its own,
 * before and after; where none has, none is taken by force. Throws F370 where that one is committed and has not ended.
 */
export async function unlocking<T>(
  plan: Plan,
  place: Workplace,
  takingUp: boolean,
  begin: (forceUnlock: boolean) => Promise<T>,
): Promise<T> {
  if (!place.forceUnlock) return begin(false);
  const { source, target, clock, interrupt: signal } = place;
  const readers = { source: source.reader, target: target.reader };
  const gateway = createGateway({ source: source.api, target: target.api, effects: plan.effects, clock });
  // What cannot be asked is told of by whoever takes the locks.
  const skipping = takingUp ? { onUnreachable: () => undefined } : {};
  const takenFrom = await othersWithLocks({ plan, ...readers, signal, ...skipping });
  if (takenFrom.length === 0) return begin(false);
  await expectNoneCommitted(takenFrom, { ...readers, signal, ...skipping });
  if (!takingUp) for (const side of recordSides(plan)) await ensureNamespace(gateway, plan, side, signal);
  return onTheRecord(plan, place, { gateway, action: 'force-unlock', takingUp, takenFrom }, () => begin(true));
}

/** As the steps that took and carried the image have told the journal. */
function archiveDigest(record: JournalRecord): string | undefined {
  const { freeze, transfer } = resultsOf(record);
  const digest = freeze?.['digest'] ?? String(transfer?.['image'] ?? '').split('@sha256:')[1];
  return typeof digest === 'string' ? digest : undefined;
}

async function answers(chain: AuditChain): Promise<boolean> {
  try {
    await chain.head();
    return true;
  } catch (error) {
    if (failureCode(error) === 'F310' || failureCode(error) === 'F311') return false;
    throw error;
  }
}

/** Where the pod was and goes, and who acts as each API server sees it. */
async function aboutClusters(plan: Plan, place: Workplace): Promise<Pick<AuditEntry, 'source' | 'target'>> {
  const about = async (side: Side) => {
    const { server, namespace, pod, node } = plan[side];
    return { server, namespace, pod, node, user: await place[side].reader.whoAmI().catch(() => '') };
  };
  const [source, target] = await Promise.all([about('source'), about('target')]);
  return { source, target };
}
