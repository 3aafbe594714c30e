import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { cacheFolder, entryName, lookUp, obtain, type Recipe } from '../../lab/cache.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let folder = '';
beforeEach(() => {
  folder = temporaryFolder();
});

const quiet = () => {};
const recipe = (make: Recipe['make'], inputs: unknown = { version: 1 }): Recipe => ({
  name: 'part',
  inputs,
  usual: '',
  make,
});

describe('entryName', () => {
  it('changes with the inputs', () => {
    expect(entryName({ name: 'a', inputs: 1 })).not.toBe(entryName({ name: 'a', inputs: 2 }));
  });

  it('changes with the content and the name of a source file', () => {
    const one = path.join(folder, 'one');
    const two = path.join(folder, 'two');
    writeFileSync(one, 'x');
    writeFileSync(two, 'x');
    const before = entryName({ name: 'a', inputs: 1, sources: [one] });
    expect(entryName({ name: 'a', inputs: 1, sources: [two] })).not.toBe(before);
    writeFileSync(one, 'y');
    expect(entryName({ name: 'a', inputs: 1, sources: [one] })).not.toBe(before);
  });
});

describe('obtain', () => {
  it('makes an entry once', async () => {
    let made = 0;
    const part = recipe(async (place) => {
      made += 1;
      writeFileSync(path.join(place, 'result'), 'done');
    });
    const first = await obtain(part, quiet, folder);
    expect(await obtain(part, quiet, folder)).toBe(first);
    expect(readFileSync(path.join(first, 'result'), 'utf8')).toBe('done');
    expect(lookUp(part, folder)).toBe(first);
    expect(made).toBe(1);
  });

  it('leaves nothing of an attempt that fails, and makes the entry at the next', async () => {
    const failing = recipe(async (place) => {
      writeFileSync(path.join(place, 'half'), '');
      throw new Error('no space');
    });
    await expect(obtain(failing, quiet, folder)).rejects.toThrow('no space');
    expect(readdirSync(folder)).toEqual(['.locks']);
    const entry = await obtain(
      recipe(async () => {}),
      quiet,
      folder,
    );
    expect(existsSync(path.join(entry, 'half'))).toBe(false);
  });

  it('never uses what a killed maker left', async () => {
    const part = recipe(async (place) => writeFileSync(path.join(place, 'whole'), ''));
    const leftover = path.join(folder, `.making-${entryName(part)}-abc`);
    await obtain(
      recipe(async () => {}, 'other'),
      quiet,
      folder,
    );
    writeFileSync(leftover, '');
    const entry = await obtain(part, quiet, folder);
    expect(readdirSync(entry)).toEqual(['whole']);
    expect(existsSync(leftover)).toBe(false);
  });

  it('tells who waits for another maker', async () => {
    const [busy, told] = [Promise.withResolvers<void>(), Promise.withResolvers<string>()];
    const part = recipe(() => {
      busy.resolve();
      return told.promise.then(() => undefined);
    });
    const first = obtain(part, quiet, folder);
    await busy.promise;
    const said: string[] = [];
    const say = (line: string) => {
      said.push(line);
      told.resolve(line);
    };
    await Promise.all([first, obtain(part, say, folder)]);
    expect(said).toEqual(['waiting for another process, which is busy with making part']);
  });

  it('lets the second of two makers wait for the first', async () => {
    let made = 0;
    const part = recipe(async () => {
      made += 1;
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
    await Promise.all([obtain(part, quiet, folder), obtain(part, quiet, folder)]);
    expect(made).toBe(1);
  });
});

it('cacheFolder follows the environment', () => {
  expect(cacheFolder({ KUBECTL_MIGRATE_LAB_CACHE: '/elsewhere' })).toBe('/elsewhere');
  expect(cacheFolder({})).toBe('/var/cache/kubectl-migrate-lab');
});
