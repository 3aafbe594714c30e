import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { imageManifest, MANIFEST } from '../../src/archive/checkpoint-image.ts';
import { MigrateError } from '../../src/domain/errors.ts';
import type { CheckpointStore } from '../../src/engines/kubelet/pushed-images.ts';
import { digestOf } from '../fakes/registry-contents.ts';
import { checkpointManifest } from '../support/checkpoint-image.ts';
import { codeOf } from './workload-contract.ts';

/** What a suite runs against: one repository of a registry, with nothing in it. */
export interface ContractRegistry {
  readonly store: CheckpointStore;
  close(): Promise<void>;
}

/** Content that nothing else has. */
const fresh = (): Buffer => randomBytes(200_000);

function streamOf(content: Buffer): Readable {
  return Readable.from([content.subarray(0, 3), content.subarray(3, 70_000), content.subarray(70_000)]);
}

/** What the kubelet engine relies on of a registry, of one that takes manifests away when asked to or of one that does not. */
export function registryContract(name: string, deletes: boolean, start: () => Promise<ContractRegistry>): void {
  describe(`registry: ${name}`, () => {
    let place: ContractRegistry;
    let store: CheckpointStore;
    let count = 0;
    beforeAll(async () => {
      place = await start();
      store = place.store;
    });
    afterAll(() => place.close());

    /** A test of those registries that it is about. */
    const about = (these: boolean) => (words: string, act: () => Promise<void>) => {
      if (these) it(words, act);
    };
    const removing = about(deletes);
    const keeping = about(!deletes);
    const newTag = (): string => {
      count += 1;
      return `m-${count}`;
    };
    const put = (tag: string, manifest: Buffer): Promise<string> => store.putManifest(tag, manifest, MANIFEST);
    /** The manifest of an image that is new to the registry. */
    const newManifest = async (): Promise<Buffer> => {
      const archive = fresh();
      return await checkpointManifest(store, await store.upload(archive, archive.length));
    };
    /** Whether an image could be made of an archive. */
    const has = async (archive: Buffer): Promise<boolean> => {
      const manifest = await checkpointManifest(store, { digest: digestOf(archive), size: archive.length });
      const outcome = await codeOf(put(newTag(), manifest));
      if (outcome !== undefined) expect(outcome).toBe('F385');
      return outcome === undefined;
    };

    it('takes a blob, whole or as a stream, once or again, and tells its digest and size', async () => {
      for (const content of [fresh(), Buffer.alloc(0)]) {
        const taken = { digest: digestOf(content), size: content.length };
        expect(await store.upload(content, content.length)).toEqual(taken);
        expect(await store.upload(streamOf(content), content.length)).toEqual(taken);
        expect(await has(content)).toBe(true);
      }
    });

    it.each([-1, 1])('refuses a blob that is longer or shorter than was said, by %i, and keeps nothing', async (by) => {
      const content = fresh();
      expect(await codeOf(store.upload(content, content.length + by))).toBe('F342');
      expect(await codeOf(store.upload(streamOf(content), content.length + by))).toBe('F342');
      expect(await has(content)).toBe(false);
    });

    it.each([0, 100_000, 200_000])(
      'keeps nothing of a stream that fails after %i bytes, and says why',
      async (after) => {
        const content = fresh();
        const error = new MigrateError('F347', { detail: 'it is forged', remedy: 'this is a test' });
        const stream = Readable.from(failing(content.subarray(0, after), error));
        await expect(store.upload(stream, content.length)).rejects.toBe(error);
        expect(await has(content)).toBe(false);
      },
    );

    it('says the same of a stream that failed before', async () => {
      const error = new MigrateError('F347', { detail: 'it is forged', remedy: 'this is a test' });
      const stream = streamOf(fresh()).on('error', () => undefined);
      stream.destroy(error);
      await expect(store.upload(stream, 200_000)).rejects.toBe(error);
    });

    it('makes an image of blobs that are there, known by its tag and its digest', async () => {
      const [manifest, tag] = [await newManifest(), newTag()];
      expect(await store.digestOf(tag)).toBeUndefined();
      expect(await put(tag, manifest)).toBe(digestOf(manifest));
      expect(await put(tag, manifest)).toBe(digestOf(manifest));
      expect(await store.digestOf(tag)).toBe(digestOf(manifest));
      expect(await store.digestOf(digestOf(manifest))).toBe(digestOf(manifest));
    });

    it('makes none of blobs that are not there, and none of what is no manifest', async () => {
      const [archive, tag] = [fresh(), newTag()];
      const there = await store.upload(archive, archive.length);
      const missing = { digest: digestOf(fresh()), size: 200_000 };
      expect(await codeOf(put(tag, imageManifest(there, missing, 'main')))).toBe('F385');
      expect(await codeOf(put(tag, imageManifest(missing, there, 'main')))).toBe('F385');
      expect(await codeOf(put(tag, Buffer.from('no manifest')))).toBe('F385');
      const otherType = 'application/vnd.docker.distribution.manifest.v2+json';
      expect(await codeOf(store.putManifest(tag, await newManifest(), otherType))).toBe('F385');
      expect(await store.digestOf(tag)).toBeUndefined();
    });

    it('leads a tag to what was put last, and knows the other by its digest', async () => {
      const [first, second, tag] = [await newManifest(), await newManifest(), newTag()];
      await put(tag, first);
      await put(tag, second);
      expect(await store.digestOf(tag)).toBe(digestOf(second));
      expect(await store.digestOf(digestOf(first))).toBe(digestOf(first));
    });

    removing('removes an image with all of its tags, and no other, once and again', async () => {
      const [manifest, other] = [await newManifest(), await newManifest()];
      const [one, two, moved, stays] = [newTag(), newTag(), newTag(), newTag()];
      for (const tag of [one, two, moved]) await put(tag, Buffer.from(manifest));
      for (const tag of [moved, stays]) await put(tag, other);
      for (const _time of ['once', 'again']) {
        expect(await store.remove(digestOf(manifest))).toBe('removed');
        for (const tag of [one, two, digestOf(manifest)]) expect(await store.digestOf(tag)).toBeUndefined();
        for (const tag of [moved, stays]) expect(await store.digestOf(tag)).toBe(digestOf(other));
      }
      await put(one, manifest);
      expect(await store.digestOf(one)).toBe(digestOf(manifest));
      expect(await store.digestOf(two)).toBeUndefined();
    });

    removing('removes nothing by a tag', async () => {
      const [manifest, tag] = [await newManifest(), newTag()];
      await put(tag, manifest);
      expect(await codeOf(store.remove(tag))).toBe('F385');
      expect(await store.digestOf(tag)).toBe(digestOf(manifest));
    });

    removing('has removed what was never there', async () => {
      expect(await store.remove(digestOf(fresh()))).toBe('removed');
    });

    keeping('keeps what it does not remove, and says so', async () => {
      const [manifest, tag] = [await newManifest(), newTag()];
      await put(tag, manifest);
      expect(await store.remove(digestOf(manifest))).toBe('kept');
      expect(await store.digestOf(tag)).toBe(digestOf(manifest));
      expect(await store.remove(digestOf(fresh()))).toBe('kept');
    });

    it('stops when it is told to', async () => {
      const content = fresh();
      const manifest = await newManifest();
      const signal = AbortSignal.abort(new Error('enough'));
      const acts = [
        store.upload(content, content.length, signal),
        store.upload(streamOf(content), content.length, signal),
        store.putManifest(newTag(), manifest, MANIFEST, signal),
        store.digestOf('none', signal),
        store.remove(digestOf(manifest), signal),
      ];
      await Promise.all(acts.map((act) => expect(act).rejects.toBe(signal.reason)));
    });

    it('stops in the middle of a stream', async () => {
      const content = fresh();
      const enough = new AbortController();
      const stream = new Readable({ read: () => undefined });
      stream.push(content.subarray(0, 100_000));
      const upload = store.upload(stream, content.length, enough.signal);
      const stopped = expect(upload).rejects.toThrow('enough');
      await pause(50);
      enough.abort(new Error('enough'));
      await stopped;
      expect(await has(content)).toBe(false);
    });
  });
}

/** All that there is comes, and after a while the failure. */
async function* failing(content: Buffer, error: Error): AsyncGenerator<Buffer> {
  if (content.length > 0) yield content;
  await pause(20);
  throw error;
}
