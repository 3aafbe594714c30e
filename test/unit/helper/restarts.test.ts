import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { Restarts } from '../../../src/helper/restarts.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const LOGS = 'shop_cart-0_135323d2-210e-4783-85a6-c7afaa8b01fa';
const ASIDE = 'shop_cart-0.held_135323d2-210e-4783-85a6-c7afaa8b01fa';
let root = '';
const pods = () => path.join(root, 'var/log/pods');

beforeEach(() => {
  root = temporaryFolder();
  mkdirSync(path.join(pods(), LOGS, 'main'), { recursive: true });
  writeFileSync(path.join(pods(), LOGS, 'main', '0.log'), 'a line\n');
});

it('no log directory of the pod can be made while its restarts are prevented, and all is as before afterwards', () => {
  const restarts = new Restarts(root);
  for (let twice = 0; twice < 2; twice++) {
    restarts.prevent(LOGS);
    expect(() => mkdirSync(path.join(pods(), LOGS, 'main'), { recursive: true })).toThrow('ENOTDIR');
    expect(() => mkdirSync(path.join(pods(), LOGS), { recursive: true })).toThrow('EEXIST');
    expect(readdirSync(pods()).toSorted()).toEqual([ASIDE, LOGS].toSorted());
    expect(restarts.obstacle(LOGS)).toBe('');
  }
  for (let twice = 0; twice < 2; twice++) {
    restarts.allow(LOGS);
    expect(readdirSync(pods())).toEqual([LOGS]);
    expect(readFileSync(path.join(pods(), LOGS, 'main', '0.log'), 'utf8')).toBe('a line\n');
  }
});

it('where the kubelet keeps its logs elsewhere they cannot be prevented, and that is told', () => {
  rmSync(path.join(pods(), LOGS), { recursive: true });
  const restarts = new Restarts(root);
  expect(restarts.obstacle(LOGS)).toContain('no logs of the pod');
  expect(() => restarts.prevent(LOGS)).toThrow('no logs of the pod');
  restarts.allow(LOGS);
  expect(readdirSync(pods())).toEqual([]);
});
