import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Runtime, restoresCheckpoints } from '../../../src/helper/probe/runtime-configuration.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

let root = '';

beforeEach(() => {
  root = temporaryFolder();
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  }
}

const containerd = (...args: string[]): Runtime => ({ name: 'containerd', args, root });
const crio = (...args: string[]): Runtime => ({ name: 'crio', args, root });

const MAIN = '/etc/containerd/config.toml';

/** As "containerd config default" writes it, shortened. */
function asWritten(restores: boolean): string {
  return `version = 3
root = '/var/lib/containerd'
state = '/run/containerd'
disabled_plugins = []
required_plugins = []
oom_score = 0
imports = ['/etc/containerd/conf.d/*.toml']

[grpc]
  address = '/run/containerd/containerd.sock'
  max_recv_message_size = 16777216

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    snapshotter = 'overlayfs'
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10'
  [plugins.'io.containerd.cri.v1.runtime']
    drain_exec_sync_io_timeout = '0s'
    ignore_deprecation_warnings = []
    enable_criu = true
    enable_experimental_restore_via_create = ${restores}
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = 'io.containerd.runc.v2'
[timeouts]
  'io.containerd.timeout.task.state' = '2s'
`;
}

const SETTING = 'enable_experimental_restore_via_create';
const dropIn = (restores: boolean) =>
  `version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n  ${SETTING} = ${restores}\n`;

describe('containerd', () => {
  it.each([true, false])('restores by what its file says: %s', (restores) => {
    write({ [MAIN]: asWritten(restores) });
    expect(restoresCheckpoints([containerd()])).toBe(restores);
  });

  it('restores nothing where its file does not say, or where it has none', () => {
    expect(restoresCheckpoints([containerd()])).toBe(false);
    write({ [MAIN]: `version = 3\n[plugins.'io.containerd.cri.v1.runtime']\nenable_cdi = true\n` });
    expect(restoresCheckpoints([containerd()])).toBe(false);
  });

  it('takes the setting over from a file of an earlier version, and from no file of this one', () => {
    write({ [MAIN]: dropIn(true) });
    expect(restoresCheckpoints([containerd()])).toBe(true);
    write({ [MAIN]: `[plugins.cri]\n${SETTING} = true\n` });
    expect(restoresCheckpoints([containerd()])).toBe(true);
    write({ [MAIN]: dropIn(true).replace('version = 2', 'version = 3') });
    expect(restoresCheckpoints([containerd()])).toBe(false);
  });

  it.each([
    ['--config', '/k3s/config.toml'],
    ['--config=/k3s/config.toml'],
    ['-c', '/k3s/config.toml'],
    ['--log-level', 'info', '-config', '/k3s/config.toml', ''],
  ])('is asked by the file that its command line names: %s', (...args) => {
    write({ [MAIN]: asWritten(false), '/k3s/config.toml': asWritten(true) });
    expect(restoresCheckpoints([containerd(...args)])).toBe(true);
  });

  it('is asked by all files that are imported, where the last word counts and each is read once', () => {
    write({
      [MAIN]: `imports = ["conf.d/*.toml", "/etc/more.toml"]\n${dropIn(false)}`,
      '/etc/containerd/conf.d/10-off.toml': `imports = ["../config.toml"]\n${dropIn(false)}`,
      '/etc/containerd/conf.d/20-on.toml': dropIn(true),
      '/etc/containerd/conf.d/30-off.toml.bak': dropIn(false),
      '/etc/more.toml': 'version = 2\n',
    });
    expect(restoresCheckpoints([containerd()])).toBe(true);
    write({ '/etc/more.toml': dropIn(false) });
    expect(restoresCheckpoints([containerd()])).toBe(false);
  });

  it('is read through links as it sees them, not as the helper does', () => {
    write({ '/nix/store/abc/config.toml': asWritten(true) });
    mkdirSync(path.join(root, 'etc'));
    symlinkSync('/etc/static', path.join(root, 'etc/containerd'));
    symlinkSync('../nix/store/abc', path.join(root, 'etc/static'));
    expect(restoresCheckpoints([containerd()])).toBe(true);
  });
});

describe('CRI-O', () => {
  const say = (word: string) => `[crio.checkpoint_restore]\ncontainer_level_enabled = "${word}"\n`;

  it.each([
    ['checkpoint_restore', true],
    ['checkpoint_only', false],
    ['disabled', false],
  ])('restores by what its file says: %s', (word, restores) => {
    write({ '/etc/crio/crio.conf': `[crio.runtime]\ndefault_runtime = "runc"\n${say(word)}` });
    expect(restoresCheckpoints([crio()])).toBe(restores);
  });

  it('restores nothing where no file says so', () => {
    expect(restoresCheckpoints([crio()])).toBe(false);
    write({ '/etc/crio/crio.conf': '[crio]\nstorage_driver = "overlay"\n' });
    expect(restoresCheckpoints([crio()])).toBe(false);
  });

  it('takes the last word of its folder over that of its file', () => {
    write({
      '/etc/crio/crio.conf': say('checkpoint_only'),
      '/etc/crio/crio.conf.d/10-crio.conf': '[crio.image]\nsignature_policy = "/etc/crio/policy.json"\n',
      '/etc/crio/crio.conf.d/99-restore.conf': say('checkpoint_restore'),
      '/srv/crio.d/a.conf': say('disabled'),
    });
    expect(restoresCheckpoints([crio()])).toBe(true);
    expect(restoresCheckpoints([crio('--config-dir', '/srv/crio.d')])).toBe(false);
  });
});

describe('it cannot be told', () => {
  const notToml = `version = 3\n[plugins.'io.containerd.cri.v1.runtime'\n`;

  it.each<[string, Readonly<Record<string, string>>, Runtime['args']]>([
    ['of a file that is no TOML', { [MAIN]: notToml }, []],
    ['of a file that ends within a string', { [MAIN]: asWritten(true).slice(0, 60) }, []],
    ['of a file in which a section is a number', { [MAIN]: 'plugins = 3\n' }, []],
    ['of a setting that is no boolean', { [MAIN]: dropIn(true).replace('= true', '= "yes"') }, []],
    ['of a file that is named and not there', { [MAIN]: asWritten(true) }, ['--config', '/gone.toml']],
    ['of a file that is named by a directory that nobody knows', { '/c.toml': asWritten(true) }, ['-c', 'c.toml']],
    ['without the file', { [MAIN]: asWritten(true) }, ['--config']],
    ['of an imported file that is no TOML', { [MAIN]: asWritten(true), '/etc/containerd/conf.d/a.toml': notToml }, []],
    ['of an imported file that is gone', { [MAIN]: `imports = ["/gone.toml"]\n${dropIn(true)}` }, []],
    ['of imports of many folders', { [MAIN]: `imports = ["/etc/*/a.toml"]\n${dropIn(true)}` }, []],
    ['of a directory', { [`${MAIN}/a`]: '' }, []],
  ])('%s', (_name, files, args) => {
    write(files);
    expect(restoresCheckpoints([containerd(...args)])).toBeUndefined();
  });

  it('of links that go in a circle', () => {
    mkdirSync(path.join(root, 'etc'));
    symlinkSync('/etc/crio', path.join(root, 'etc/crio'));
    expect(restoresCheckpoints([crio()])).toBeUndefined();
  });

  it('where there is no runtime, or only one that serves no kubelet', () => {
    write({ '/run/docker/containerd.toml': 'disabled_plugins = ["io.containerd.grpc.v1.cri"]\n' });
    const docker = containerd('--config', '/run/docker/containerd.toml');
    expect(restoresCheckpoints([])).toBeUndefined();
    expect(restoresCheckpoints([docker])).toBeUndefined();
    write({ [MAIN]: asWritten(true) });
    expect(restoresCheckpoints([docker, containerd()])).toBe(true);
  });

  it('where two runtimes say different things', () => {
    write({ [MAIN]: asWritten(true), '/off.toml': asWritten(false) });
    expect(restoresCheckpoints([containerd(), containerd('-c', '/off.toml')])).toBeUndefined();
  });
});
