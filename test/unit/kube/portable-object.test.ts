import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../../src/kube/objects.ts';
import { describeDifference, differences, isNamed, portable } from '../../../src/kube/portable-object.ts';

const LIVED: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {
    name: 'settings',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    generation: 3,
    creationTimestamp: '2026-01-01T00:00:00Z',
    managedFields: [{ manager: 'kubectl' }],
    ownerReferences: [{ apiVersion: 'v1', kind: 'X', name: 'x', uid: 'x' }],
    labels: { team: 'a', 'argocd.argoproj.io/instance': 'shop', 'kustomize.toolkit.fluxcd.io/name': 'shop' },
    annotations: {
      note: 'b',
      'kubectl.kubernetes.io/last-applied-configuration': '{"data":"secret"}',
      'deployment.kubernetes.io/revision': '4',
      'argocd.argoproj.io/tracking-id': 'shop:/ConfigMap:shop/settings',
      'kubectl-migrate.io/migration': 'm-old',
    },
  },
  data: { mode: 'fast' },
  status: { phase: 'x' },
};

describe('an object for another cluster', () => {
  it('says what its author said, and nothing of its life in this one', () => {
    expect(portable(LIVED, 'other')).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'settings', namespace: 'other', labels: { team: 'a' }, annotations: { note: 'b' } },
      data: { mode: 'fast' },
    });
  });
});

describe('differences', () => {
  it('are told field by field, in kubectl’s notation', () => {
    const found = differences(
      { data: { mode: 'fast', 'app.conf': 'x\n  y', same: 1 }, list: [{ a: 1 }], lists: [1] },
      { data: { mode: 'slow', 'app.conf': 'x', same: 1 }, list: [{ a: 2 }], lists: [1, 2], more: true },
    );
    expect(found.map(describeDifference)).toEqual([
      'data.mode: fast -> slow',
      'data[app.conf]: x y -> x',
      'list[0].a: 1 -> 2',
      'lists: [1] -> [1,2]',
      'more: (absent) -> true',
    ]);
  });

  it('are none between an empty map and no map', () => {
    expect(differences({ metadata: { labels: {} } }, { metadata: {} })).toEqual([]);
  });
});

it.each([
  ['settings', true],
  ['configmap/settings', true],
  ['ConfigMap/settings', true],
  ['secret/settings', false],
  ['setting', false],
])('the name %s is the object’s: %s', (name, expected) => {
  expect(isNamed(LIVED, ['other', name])).toBe(expected);
});
