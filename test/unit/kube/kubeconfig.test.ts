import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { isMigrateError, type MigrateError } from '../../../src/domain/errors.ts';
import { connectCluster } from '../../../src/kube/connect.ts';
import { contextFinding, listContexts, loadKubeconfig, selectContext } from '../../../src/kube/kubeconfig.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let home: string;
beforeEach(() => {
  home = temporaryFolder();
});

function write(name: string, content: object | string): string {
  const file = path.join(home, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

function config(name: string, extra: object = {}): object {
  return {
    'current-context': name,
    contexts: [{ name, context: { cluster: name, user: name, namespace: `${name}-ns` } }],
    clusters: [{ name, cluster: { server: `https://${name}:6443`, 'certificate-authority': 'ca.crt' } }],
    users: [{ name, user: { token: 'secret-token' } }],
    ...extra,
  };
}

function failure(act: () => unknown): MigrateError {
  try {
    act();
  } catch (error) {
    if (isMigrateError(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('where the kubeconfig is looked for', () => {
  it('says what was looked for when there is none, instead of going to localhost:8080', () => {
    const error = failure(() => loadKubeconfig({ env: {}, home }));
    expect(error.code).toBe('F302');
    expect(error.detail).toBe(
      `--kubeconfig is not given; KUBECONFIG is not set; ${path.join(home, '.kube/config')} does not exist`,
    );
  });

  it('names the file of the flag, and those of the variable, that do not exist', () => {
    expect(failure(() => loadKubeconfig({ file: '/none/a', env: {}, home })).detail).toBe(
      '--kubeconfig /none/a does not exist',
    );
    const env = { KUBECONFIG: ['/none/a', '/none/b'].join(path.delimiter) };
    expect(failure(() => loadKubeconfig({ env, home })).detail).toContain('KUBECONFIG names /none/a, /none/b');
    const target = { file: '/none/a', flag: '--to-kubeconfig', env: {}, home };
    expect(failure(() => loadKubeconfig(target)).detail).toBe('--to-kubeconfig /none/a does not exist');
    const nothing = { KUBECONFIG: path.delimiter };
    expect(failure(() => loadKubeconfig({ env: nothing, home })).detail).toContain('KUBECONFIG names no file');
  });

  it('merges the files of KUBECONFIG as kubectl does: the first that names a thing wins, missing ones are passed over', () => {
    const a = write('a', config('a'));
    const b = write('b', {
      ...config('b'),
      contexts: [
        { name: 'a', context: { cluster: 'b', user: 'b' } },
        { name: 'b', context: { cluster: 'b', user: 'b' } },
      ],
    });
    const loaded = loadKubeconfig({ env: { KUBECONFIG: [a, '/none', b].join(path.delimiter) }, home });
    expect(loaded.currentContext).toBe('a');
    expect(listContexts(loaded)).toEqual(['a', 'b']);
    expect(selectContext(loaded, 'a', '--context').cluster.server).toBe('https://a:6443');
    expect(selectContext(loaded, 'b', '--context').namespace).toBe('default');
  });

  it('prefers the flag, and resolves paths against the folder of the file', () => {
    const loaded = loadKubeconfig({ file: write('a', config('a')), env: { KUBECONFIG: '/none' }, home });
    const selected = selectContext(loaded, undefined, '--context');
    expect(selected).toMatchObject({ name: 'a', namespace: 'a-ns' });
    expect(selected.cluster['certificate-authority']).toBe(path.join(home, 'ca.crt'));
  });
});

describe('a file that cannot be used', () => {
  it.each([
    ['not YAML', 'contexts: [\n  token: secret-token', 'is not YAML'],
    ['another document', 'secret-token', 'is not a kubeconfig'],
    [
      'a cluster without server',
      { clusters: [{ name: 'a', cluster: { token: 'secret-token' } }] },
      'clusters.0.cluster.server',
    ],
  ])('%s is told without quoting it', (_name, content, words) => {
    const error = failure(() => loadKubeconfig({ file: write('broken', content), env: {}, home }));
    expect(error.code).toBe('F302');
    expect(error.detail).toContain(words);
    expect(JSON.stringify([error.detail, error.remedy, String(error.cause)])).not.toContain('secret-token');
  });

  it('an empty file has no context', () => {
    const loaded = loadKubeconfig({ file: write('empty', ''), env: {}, home });
    expect(failure(() => selectContext(loaded, undefined, '--to-context')).detail).toContain('has no current context');
  });
});

describe('contexts', () => {
  it('an unknown one is declined with those that there are', () => {
    const loaded = loadKubeconfig({ file: write('a', config('a')), env: {}, home });
    expect(contextFinding(loaded, 'a', '--context')).toBeUndefined();
    const error = failure(() => connectCluster({ kubeconfig: loaded, context: 'b', side: 'target' }));
    expect(error).toMatchObject({ code: 'F305', outcome: 'declined' });
    expect(error.findings).toMatchObject([{ code: 'E101', remedy: 'use one of --to-context a' }]);
  });

  it('one that refers to nothing is refused', () => {
    const loaded = loadKubeconfig({ file: write('a', config('a', { clusters: [] })), env: {}, home });
    expect(failure(() => selectContext(loaded, 'a', '--context')).detail).toContain("cluster 'a', which is not in");
  });

  it.each(['http://east.example:8080', 'not a url', 'ftp://east'])('the server %s is refused', (server) => {
    const file = write('a', config('a', { clusters: [{ name: 'a', cluster: { server } }] }));
    const error = failure(() => connectCluster({ kubeconfig: loadKubeconfig({ file, env: {} }), side: 'source' }));
    expect(error.code).toBe('F302');
  });
});
