import { beforeAll, describe, expect, it } from 'vitest';
import { breaksIn } from '../../src/audit/chain.ts';
import { type AuditChain, auditEffects, createAuditChain, SEGMENT_SIZE } from '../../src/audit/config-map-chain.ts';
import type { ApiClient } from '../../src/kube/api-client.ts';
import { createReader } from '../../src/kube/client.ts';
import { systemClock } from '../../src/kube/clock.ts';
import { createGateway } from '../../src/kube/gateway.ts';
import { auditEntry } from '../fixtures/audit.ts';

/** A chain in a namespace, as one process has it. */
export function auditChain(api: ApiClient, namespace: string): AuditChain {
  const reader = createReader(api, systemClock);
  const effects = auditEffects(reader.side, namespace);
  const gateway = createGateway({ source: api, target: api, effects, clock: systemClock });
  return createAuditChain({ reader, gateway, namespace });
}

/** What the audit record relies on, of every cluster that it is kept in. */
export function auditContract(
  name: string,
  start: () => Promise<{ connect: () => AuditChain; close: () => Promise<void> }>,
): void {
  describe(`audit chain: ${name}`, () => {
    let connect: () => AuditChain;
    beforeAll(async () => {
      const place = await start();
      connect = place.connect;
      return place.close;
    });

    it('keeps entries in order and never twice', async () => {
      const before = (await connect().read()).links;
      expect(await connect().head()).toMatchObject({ seq: before.length });
      const [one, two] = [auditEntry(), auditEntry({ event: 'ended', outcome: 'done' })];
      await connect().append(one);
      await connect().append(two);
      await connect().append(two);
      const { links, unreadable } = await connect().read();
      expect(links.slice(before.length).map(({ entry }) => entry)).toEqual([one, two]);
      expect(breaksIn(links)).toEqual([]);
      expect(unreadable).toEqual([]);
    });

    it('gives each of several writers at the same time a place of its own', async () => {
      const before = (await connect().head()).seq;
      const entries = [1, 2, 3, 4].map(() => auditEntry());
      await Promise.all(entries.map((entry) => connect().append(entry)));
      const { links } = await connect().read();
      expect(breaksIn(links)).toEqual([]);
      expect(new Set(links.slice(before).map(({ entry }) => entry.id))).toEqual(new Set(entries.map(({ id }) => id)));
    });

    it('goes on in another object when one is full', async () => {
      const chain = connect();
      for (let { seq } = await chain.head(); seq <= SEGMENT_SIZE; seq++) await connect().append(auditEntry());
      const { links } = await chain.read();
      expect(links).toHaveLength(SEGMENT_SIZE + 1);
      expect(breaksIn(links)).toEqual([]);
      expect(await chain.head()).toMatchObject({ seq: SEGMENT_SIZE + 1 });
    });
  });
}
