// Makes everything that a release consists of in one folder, by default dist/release, which is emptied first.
// Usage: npm run package [-- --target linux-amd64]... [-- --repository https://github.com/OWNER/NAME] [-- --out FOLDER]
// Without the address of the repository there is no manifest for Krew, which tells where the archives are.
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ROOT, TARGETS, targetName } from './binary/targets.ts';
import { makeRelease } from './release/release.ts';

const { values } = parseArgs({
  options: { target: { type: 'string', multiple: true }, repository: { type: 'string' }, out: { type: 'string' } },
});
const wanted = values.target ?? TARGETS.map(targetName);
const targets = TARGETS.filter((target) => wanted.includes(targetName(target)));
if (targets.length < wanted.length) {
  process.stderr.write(`--target is one of ${TARGETS.map(targetName).join(', ')}\n`);
  process.exit(2);
}
const { repository } = values;
const { folder } = await makeRelease(targets, path.resolve(values.out ?? path.join(ROOT, 'dist/release')), {
  ...(repository !== undefined && { repository }),
  say: (line) => process.stderr.write(`${line}\n`),
});
process.stdout.write(`${folder}\n`);
