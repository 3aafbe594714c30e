import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { CheckpointCheck } from '../../../src/archive/checkpoint-archive.ts';
import { writeTar } from '../../../src/helper/image/tar-writer.ts';
import { paxHeader, paxRecord, TAR_END, tarEntry, withSum } from '../../support/tar-blocks.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
/** As the pod has it: what its author wrote, and what the runtime calls it. */
const NAMES = ['redis:7', 'docker.io/library/redis:7'];
const REF = `registry.example/redis@${DIGEST}`;
const OTHER = `evil.example/redis@sha256:${'b'.repeat(64)}`;
const ID = `sha256:${'c'.repeat(64)}`;
const CONFIG = { rootfsImage: NAMES[1], rootfsImageRef: REF, rootfsImageName: NAMES[1] };

type Files = Readonly<Record<string, string>>;
const GOOD: Files = {
  'config.dump': JSON.stringify(CONFIG),
  'spec.dump': JSON.stringify({ annotations: { 'io.kubernetes.cri.container-name': 'main' } }),
  'checkpoint/inventory.img': 'pages',
  'rootfs-diff.tar': 'x'.repeat(1500),
};

function archive(files: Files = GOOD): Buffer {
  return writeTar([
    { kind: 'directory', path: 'checkpoint', mode: 0o700 },
    ...Object.entries(files).map(([name, text]) => ({
      kind: 'file' as const,
      path: name,
      mode: 0o600,
      data: Buffer.from(text),
    })),
  ]);
}

function check(data: Buffer, portion = 700, bytes = data.length): void {
  const looks = new CheckpointCheck({ bytes, imageDigest: DIGEST, imageNames: NAMES });
  for (let at = 0; at < data.length; at += portion) looks.write(data.subarray(at, at + portion));
  looks.end();
}

/** Overwrites a field of the first header and mends the sum. */
function withField(data: Buffer, at: number, text: string): Buffer {
  const changed = Buffer.from(data);
  changed.write(text, at, 'latin1');
  return withSum(changed);
}

/** A good archive with these entries behind its own. */
function followedBy(...entries: readonly Buffer[]): Buffer {
  return Buffer.concat([archive().subarray(0, -TAR_END.length), ...entries, TAR_END]);
}

const [pathRecord, mtime] = [paxRecord('path', 'checkpoint/a'), paxRecord('mtime', '1')];
const evil = tarEntry('container.log', 'evil');
const named = (name: string) => tarEntry('././@LongLink', `${name}\0`, { type: 'L' });
const smuggled = Buffer.concat([tarEntry('status', 'evil'), tarEntry('volumes', 'evil')]);

/** Archives that Go's archive/tar, which the runtimes use, and another reader take differently. */
const AMBIGUOUS: readonly [string, Buffer][] = [
  ['two extended headers, of which Go forgets the first', followedBy(paxHeader(pathRecord), paxHeader(mtime), evil)],
  ['a long name before an extended header', followedBy(named('container.log'), paxHeader(pathRecord), evil)],
  ['a long name behind an extended header', followedBy(paxHeader(pathRecord), named('container.log'), evil)],
  ['two long names', followedBy(named('status'), named('container.log'), evil)],
  ['a long link', followedBy(tarEntry('././@LongLink', 'status\0', { type: 'K' }), evil)],
  ['a length with a zero before it', followedBy(paxHeader(paxRecord('path', 'status', '0')), evil)],
  ['a record that ends in no line feed', followedBy(paxHeader(pathRecord.replace('\n', 'x')), evil)],
  ['a record twice', followedBy(paxHeader(pathRecord, paxRecord('path', 'checkpoint/b')), evil)],
  ['an empty path, in whose place Go takes the other one', followedBy(paxHeader(paxRecord('path', '')), evil)],
  ['an empty size', followedBy(paxHeader(paxRecord('size', '')), evil)],
  ['a header for all that follow', followedBy(paxHeader(pathRecord), tarEntry('g', pathRecord, { type: 'g' }), evil)],
  ['another name by GNU.sparse', followedBy(paxHeader(paxRecord('GNU.sparse.name', '../../etc/x')), evil)],
  ['a size by GNU.sparse', followedBy(paxHeader(paxRecord('GNU.sparse.realsize', '1000000000000')), evil)],
  ['a link by an extended header', followedBy(paxHeader(paxRecord('linkpath', '/etc/shadow')), evil)],
  ['a file of old tar that Go takes for a folder', followedBy(tarEntry('checkpoint/d/', smuggled, { type: '\0' }))],
  ['a file of old tar', followedBy(tarEntry('checkpoint/d', smuggled, { type: '\0' }))],
  ['a file whose name ends in a slash', followedBy(tarEntry('checkpoint/d/', smuggled))],
  ['a folder whose name ends in two', followedBy(tarEntry('checkpoint/d//', '', { type: '5' }))],
  ['a contiguous file', followedBy(tarEntry('container.log', 'evil', { type: '7' }))],
  ['a header of no known format', followedBy(tarEntry('container.log', 'evil', { magic: '\0\0\0\0\0\0\0\0' }))],
  ['a prefix where GNU has times', followedBy(tarEntry('log', '', { magic: 'ustar  \0', prefix: 'checkpoint' }))],
  ['a name that is not UTF-8', followedBy(withSum(tarEntry('checkpoint/x', '').fill(0xff, 11, 12)))],
  ['an extended header that no entry follows', followedBy(paxHeader(pathRecord))],
  ['a removal of a file of the same layer', followedBy(tarEntry('checkpoint/.wh.inventory.img', ''))],
  ...['BZh9', '\x1f\x8b', '\x50\x2a\x4d\x18', 'é'].map((magic): [string, Buffer] => [
    `a name that a decompressor takes for its own: ${JSON.stringify(magic)}`,
    followedBy(tarEntry(`${magic}/PaxHeaders.0/x`, pathRecord, { type: 'x' }), evil),
  ]),
];

const F347 = expect.objectContaining({ code: 'F347' });

describe('the archive of a checkpoint', () => {
  it.each([1, 511, 512, 513, 65_536])('passes as a runtime writes it, in portions of %i bytes', (portion) => {
    expect(() => check(archive(), portion)).not.toThrow();
  });

  it('passes with long names and extended headers, as GNU tar and Go write them', () => {
    for (const format of ['gnu', 'pax']) {
      const folder = temporaryFolder();
      mkdirSync(path.join(folder, 'checkpoint', 'd'.repeat(120)), { recursive: true });
      writeFileSync(path.join(folder, 'checkpoint', 'd'.repeat(120), 'pages.img'), 'p');
      for (const [name, text] of Object.entries(GOOD)) writeFileSync(path.join(folder, name), text);
      const tar = execFileSync('tar', [
        `--format=${format}`,
        '-C',
        folder,
        '-c',
        'checkpoint',
        'config.dump',
        'spec.dump',
      ]);
      expect(() => check(tar)).not.toThrow();
    }
  });

  it.each<[string, Buffer]>([
    ['asks for devices', archive({ ...GOOD, 'spec.dump': '{"annotations":{"cdi.k8s.io/x":"vendor/gpu"}}' })],
    [
      'asks for devices in the status, from which a runtime takes annotations',
      archive({ ...GOOD, 'status.dump': '{"annotations":{"cdi.k8s.io/x":"vendor/gpu"}}' }),
    ],
    ['has documents that are none', archive({ ...GOOD, 'spec.dump': 'not json' })],
    ['has no description', archive({ 'checkpoint/inventory.img': 'x' })],
    ['holds what no runtime puts there', archive({ ...GOOD, 'etc/passwd': 'root' })],
    ['leads elsewhere', archive({ ...GOOD, 'checkpoint/../../x': 'y' })],
    ['starts at the root', archive({ ...GOOD, '/config.dump': 'y' })],
    ['names a file twice', Buffer.concat([archive().subarray(0, -1024), archive().subarray(512)])],
    ['is cut off', archive().subarray(0, 2048)],
    ['is cut off before its end', archive().subarray(0, -1024)],
    ['is no archive', Buffer.alloc(2048, 'x')],
    ['has a header whose sum is wrong', Buffer.from(archive()).fill('y', 0, 3)],
    ['has an entry that is longer than the whole', withField(archive(), 124, '77777777777')],
    ['has a size beyond all bounds', withField(archive(), 124, `\x80${'\xff'.repeat(11)}`)],
    ['has an endless extended header', withField(withField(archive(), 156, 'x'), 124, '77777777777')],
    ['has a device', withField(archive(), 156, '3')],
    ['is followed by bytes', Buffer.concat([archive().subarray(0, -512), archive()])],
    ['is followed by another one', Buffer.concat([archive(), archive()])],
  ])('is refused when it %s', (_name, data) => {
    expect(() => check(data)).toThrow(F347);
  });

  it.each<[string, object]>([
    ['only by the reference', { rootfsImageRef: REF }],
    ['by the digest, in another registry too', { ...CONFIG, rootfsImageName: `mirror.example/redis@${DIGEST}` }],
    ['by the name that the pod’s author wrote', { ...CONFIG, rootfsImageName: NAMES[0] }],
  ])('passes when it names the image %s', (_name, config) => {
    expect(() => check(archive({ ...GOOD, 'config.dump': JSON.stringify(config) }))).not.toThrow();
  });

  it.each<[string, object]>([
    ['as the one to pull', { ...CONFIG, rootfsImageRef: OTHER }],
    ['as the one to pull, beside the planned one', { rootfsImageRef: OTHER, rootfsImageName: REF, rootfsImage: REF }],
    ['by none', { ...CONFIG, rootfsImageRef: '' }],
    ['by a tag only', { ...CONFIG, rootfsImageRef: NAMES[1] }],
    ['as a name for the planned one', { ...CONFIG, rootfsImageName: 'docker.io/library/nginx:latest' }],
    ['as another version’s name', { ...CONFIG, rootfsImageName: 'docker.io/library/redis:8' }],
    ['as an id that the pod does not have', { ...CONFIG, rootfsImageName: ID }],
    ['as its own', { ...CONFIG, rootfsImage: ID }],
    ['by the digest without a name', { ...CONFIG, rootfsImageRef: DIGEST }],
  ])('is refused when it names another image %s', (_name, config) => {
    const detail = expect.stringContaining('names another image than the plan');
    expect(() => check(archive({ ...GOOD, 'config.dump': JSON.stringify(config) }))).toThrow(
      expect.objectContaining({ code: 'F347', detail }),
    );
  });

  it.each(AMBIGUOUS)('is refused when it has %s', (_name, data) => {
    expect(() => check(data)).toThrow(F347);
  });

  it('is refused when its paths take more memory than those of any checkpoint', () => {
    const long = (index: number) => `checkpoint/${'d'.repeat(200)}/${'d'.repeat(200)}/${index}`;
    const entries = Array.from({ length: 25_000 }, (_, index) => [
      paxHeader(paxRecord('path', long(index))),
      tarEntry('long', ''),
    ]);
    const detail = expect.stringContaining('paths of more than');
    expect(() => check(followedBy(...entries.flat()), 65_536)).toThrow(
      expect.objectContaining({ code: 'F347', detail }),
    );
  });

  it('is refused when it holds a link, which a runtime once followed (CVE-2026-53489)', () => {
    const folder = temporaryFolder();
    symlinkSync('/etc/shadow', path.join(folder, 'container.log'));
    expect(() => check(execFileSync('tar', ['-C', folder, '-c', 'container.log']))).toThrow(F347);
  });

  it('is refused when it has more entries than any checkpoint', () => {
    const names = Array.from({ length: 100_001 }, (_, index) => [`checkpoint/core-${index}.img`, '']);
    const detail = expect.stringContaining('more than 100000 entries');
    expect(() => check(archive({ ...GOOD, ...Object.fromEntries(names) }))).toThrow(
      expect.objectContaining({ code: 'F347', detail }),
    );
  });

  it('is refused when it is longer than the node said', () => {
    expect(() => check(archive(), 700, archive().length - 512)).toThrow(F347);
  });
});
