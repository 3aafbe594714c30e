// What a binary runs first.
import { getAsset, getAssetKeys, getRawAsset } from 'node:sea';
import { Compiler, start } from './pieces.ts';

const carried = new Set(getAssetKeys());
const compiler = new Compiler((name) => ({
  text: getAsset(name, 'latin1'),
  ...(carried.has(`${name}.cache`) && { cachedData: Buffer.from(getRawAsset(`${name}.cache`) as ArrayBuffer) }),
}));
start(compiler);
