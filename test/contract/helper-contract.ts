import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Side } from '../../src/domain/refs.ts';
import { HelperStage, type HelperWorld } from './helper-stage.ts';

/** How long a source may stay stopped that nobody seals, in ms: longer than a busy machine needs to look at one. */
const SHORT_MS = 6000;
/** For who answers in the end. */
const SOON = { timeout: 20_000, interval: 50 };
/** For what comes by itself when its time is over. */
const IN_TIME = { timeout: 2000, interval: 50 };
const LONG_MS = 60_000;

/** A container that there is not. */
const STRANGE = ['ab'.repeat(32)];
const HANDOVER = {
  externalMounts: [],
  stdio: ['/dev/null', '/dev/null', '/dev/null'] as [string, string, string],
  rootMode: 0o755,
  innerPids: [1],
};

/**
 * What engines and the way back rely on of helpers: which act may follow which, what each does to the program, and what is
 * refused how. `clocks`: by how many seconds the clock of the source's node is set in the middle of it.
 */
export function helperContract(name: string, open: () => Promise<HelperWorld>, clocks: readonly number[]): void {
  describe(`helpers: ${name}`, () => {
    let world: HelperWorld;
    let stage: HelperStage;
    beforeEach(async () => {
      world = await open();
      stage = await HelperStage.of(world, `m-${randomBytes(3).toString('hex')}`);
    });
    afterEach(async () => {
      await stage.end();
      await world.close();
    });

    const running = () => world.running();
    /** What the program answers; one that is stopped never does. */
    const ask = (side: Side = 'source') =>
      vi.waitFor(async () => {
        const count = await world.ask(side);
        if (count === undefined) throw new Error(`nobody answers in the ${side}`);
        return count;
      }, SOON);

    it('refuse what has nothing to begin with, and change nothing', async () => {
      const { source: containerIds, podLogs } = stage;
      const { archive } = world;
      const before = await ask();
      expect(await stage.refusal('source', 'seal', { containerIds, podLogs })).toBe('wrong-state');
      expect(await stage.refusal('source', 'release-connections', { containerIds })).toBe('wrong-state');
      expect(await stage.refusal('source', 'halt', { containerIds, archive })).toBe('wrong-state');
      const strange = { containerIds: STRANGE, thawAfterMs: LONG_MS };
      expect(await stage.refusal('source', 'fence', strange)).toBe('container-not-found');
      await stage.thaw();
      await stage.takeUp();
      const place = { containerIds: STRANGE, sourceAddresses: [], volumes: [] };
      expect(await stage.refusal('target', 'prepare-restore', place)).toBe('container-not-found');
      const nothing = { containerIds: STRANGE, handovers: [HANDOVER] };
      expect(await stage.refusal('target', 'restore', nothing)).toBe('wrong-state');
      expect(await stage.refusal('target', 'continue', { containerIds: STRANGE })).toBe('wrong-state');
      await stage.call('target', 'discard', { containerIds: STRANGE });
      expect([await stage.state('source'), await stage.state('target')]).toEqual(['idle', 'idle']);
      expect(await ask()).toBeGreaterThan(before);
    });

    it('cut a source off, stop it, and let it go on with all it had', async () => {
      const { source: containerIds, podLogs } = stage;
      const fence = { containerIds, thawAfterMs: LONG_MS };
      const before = await ask();
      await stage.call('source', 'fence', fence);
      expect([await stage.state('source'), await running()]).toEqual(['frozen', ['source']]);
      expect(await world.ask('source')).toBeUndefined();
      expect(await stage.refusal('source', 'fence', fence)).toBe('wrong-state');
      await stage.call('source', 'halt', { containerIds, archive: world.archive });
      expect([await stage.state('source'), await running()]).toEqual(['frozen', []]);
      const strange = { containerIds: STRANGE, podLogs };
      expect(await stage.refusal('source', 'thaw', strange)).toBe('wrong-state');
      expect(await stage.refusal('source', 'seal', strange)).toBe('wrong-state');
      await stage.thaw();
      await stage.thaw();
      expect([await stage.state('source'), await running()]).toEqual(['thawed', ['source']]);
      expect(await ask()).toBeGreaterThan(before);
      expect(await stage.refusal('source', 'seal', { containerIds, podLogs })).toBe('already-thawed');
      await stage.stop(LONG_MS);
      expect([await stage.state('source'), await running()]).toEqual(['frozen', []]);
    });

    it.each(clocks)('let a source go on that nobody seals in time, with its clock set by %i s', async (seconds) => {
      const { source: containerIds, podLogs } = stage;
      const before = await ask();
      await stage.stop(SHORT_MS);
      await world.setClock(await stage.helper('source'), seconds);
      const { source } = await stage.call('source', 'status', {});
      expect(source.thawInMs).toBeGreaterThan(0);
      expect(source.thawInMs).toBeLessThanOrEqual(SHORT_MS);
      expect(await running()).toEqual([]);
      await world.pass(SHORT_MS + 500);
      await expect.poll(() => stage.state('source'), IN_TIME).toBe('thawed');
      expect(await running()).toEqual(['source']);
      expect(await ask()).toBeGreaterThan(before);
      expect(await stage.refusal('source', 'seal', { containerIds, podLogs })).toBe('already-thawed');
      const late = { containerIds, archive: world.archive };
      expect(await stage.refusal('source', 'halt', late)).toBe('already-thawed');
    });

    it('keep what is sealed until they are told, and what is released for good', async () => {
      const { source: containerIds, podLogs } = stage;
      const before = await ask();
      await stage.stop(SHORT_MS);
      await stage.seal();
      await stage.seal();
      await world.pass(SHORT_MS + 500);
      expect([await stage.state('source'), await running()]).toEqual(['sealed', []]);
      expect((await stage.call('source', 'status', {})).source.thawInMs).toBeNull();
      await stage.thaw();
      expect([await stage.state('source'), await running()]).toEqual(['thawed', ['source']]);
      expect(await ask()).toBeGreaterThan(before);
      await stage.stop(LONG_MS);
      expect(await stage.refusal('source', 'release-connections', { containerIds })).toBe('wrong-state');
      await stage.seal();
      await stage.call('source', 'release-connections', { containerIds });
      await stage.call('source', 'release-connections', { containerIds });
      expect(await stage.refusal('source', 'thaw', { containerIds, podLogs })).toBe('wrong-state');
      expect([await stage.state('source'), await running()]).toEqual(['released', []]);
    });

    it('that are removed let go what nobody sealed, and leave what is sealed to the next one', async () => {
      const before = await ask();
      await stage.stop(LONG_MS);
      await stage.replaceHelper('source', async () => expect(await running()).toEqual(['source']));
      await stage.takeUp();
      expect(await stage.state('source')).toBe('idle');
      await stage.stop(LONG_MS);
      await stage.seal();
      await stage.replaceHelper('source', async () => expect(await running()).toEqual([]));
      expect(await stage.state('source')).toBe('idle');
      await stage.takeUp();
      expect([await stage.state('source'), await running()]).toEqual(['sealed', []]);
      await stage.thaw();
      expect([await stage.state('source'), await running()]).toEqual(['thawed', ['source']]);
      expect(await ask()).toBeGreaterThan(before);
    });

    it('restore in the target what was frozen in the source, and only one of the two runs', async () => {
      const { source } = stage;
      const before = await ask();
      await stage.prepare();
      const { target: containerIds } = stage;
      expect(await stage.state('target')).toBe('prepared');
      expect(await stage.refusal('target', 'continue', { containerIds })).toBe('wrong-state');
      await stage.freeze();
      expect([await stage.state('source'), await running()]).toEqual(['frozen', []]);
      const strange = { containerIds: STRANGE, handovers: [HANDOVER] };
      expect(await stage.refusal('target', 'restore', strange)).toBe('wrong-state');
      await stage.restore();
      expect([await stage.state('target'), await running()]).toEqual(['restored', []]);
      const place = { containerIds, sourceAddresses: [], volumes: [] };
      expect(await stage.refusal('target', 'prepare-restore', place)).toBe('wrong-state');
      await stage.seal();
      await stage.call('source', 'release-connections', { containerIds: source });
      await stage.call('target', 'continue', { containerIds });
      await stage.call('target', 'continue', { containerIds });
      expect([await stage.state('target'), await running()]).toEqual(['continued', ['target']]);
      expect(await ask('target')).toBeGreaterThan(before);
      expect(await world.ask('source')).toBeUndefined();
      expect(await stage.refusal('target', 'discard', { containerIds })).toBe('wrong-state');
      expect(await stage.refusal('target', 'prepare-restore', place)).toBe('wrong-state');
    });

    it('that are removed leave what is restored, stopped or not, to the next one', async () => {
      const { source } = stage;
      const before = await ask();
      await stage.prepare();
      const { target: containerIds } = stage;
      await stage.freeze();
      await stage.restore();
      await stage.seal();
      await stage.call('source', 'release-connections', { containerIds: source });
      await stage.replaceHelper('target', async () => expect(await running()).toEqual([]));
      expect(await stage.refusal('target', 'continue', { containerIds })).toBe('wrong-state');
      await stage.takeUpRestored();
      expect([await stage.state('target'), await running()]).toEqual(['restored', []]);
      await stage.call('target', 'continue', { containerIds });
      expect(await running()).toEqual(['target']);
      await stage.replaceHelper('target', async () => expect(await running()).toEqual(['target']));
      await stage.takeUpRestored();
      expect([await stage.state('target'), await running()]).toEqual(['continued', ['target']]);
      await stage.call('target', 'continue', { containerIds });
      expect(await ask('target')).toBeGreaterThan(before);
      expect(await world.ask('source')).toBeUndefined();
    });

    it('give up what was restored, with its images or without, and the source goes on', async () => {
      const before = await ask();
      await stage.prepare();
      const { target: containerIds } = stage;
      await stage.freeze();
      await stage.restore();
      await stage.call('target', 'discard', { containerIds, keepImages: true });
      expect([await stage.state('target'), await running()]).toEqual(['discarded', []]);
      await stage.prepareAgain();
      await stage.restore();
      expect(await stage.state('target')).toBe('restored');
      await stage.call('target', 'discard', { containerIds });
      await stage.call('target', 'discard', { containerIds });
      await stage.prepareAgain();
      const detail = expect.stringContaining('wrong-state');
      await expect(stage.restore()).rejects.toMatchObject({ code: 'F332', detail });
      expect([await stage.state('target'), await running()]).toEqual(['prepared', []]);
      await stage.replaceHelper('target', async () => undefined);
      await stage.takeUpRestored();
      expect(await stage.state('target')).toBe('idle');
      await stage.thaw();
      expect(await running()).toEqual(['source']);
      expect(await ask()).toBeGreaterThan(before);
    });
  });
}
