import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { release } from 'node:os';
import { availableMemory } from '../bulk/room.ts';
import { runCriu } from '../criu.ts';
import type { NodeFacts } from '../facts.ts';
import { IMAGES_DIR } from '../pod-spec.ts';
import { restoresCheckpoints } from './runtime-configuration.ts';

/** Reads the first processor of /proc/cpuinfo. */
function parseCpuInfo(text: string): { model: string; flags: string[] } {
  const field = (name: string) => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'mi').exec(text)?.[1] ?? '';
  return {
    model: field('model name'),
    flags: (field('flags') || field('Features')).split(/\s+/).filter(Boolean).sort(),
  };
}

/** What this node is, and whether CRIU works on it. Read-only. */
export async function probeNode(): Promise<NodeFacts> {
  const [version, check] = await Promise.all([runCriu(['--version']), runCriu(['check'])]);
  const cpu = parseCpuInfo(readFileSync('/proc/cpuinfo', 'utf8'));
  const images = statfsSync(IMAGES_DIR);
  const restores = restoresCheckpoints();
  return {
    architecture: process.arch,
    kernel: release(),
    cpuModel: cpu.model,
    cpuFlags: cpu.flags,
    cgroupVersion: existsSync('/proc/1/root/sys/fs/cgroup/cgroup.controllers') ? 2 : 1,
    memoryAvailableBytes: availableMemory(),
    imagesFreeBytes: images.bavail * images.bsize,
    ...(restores !== undefined && { restoresCheckpoints: restores }),
    criu: {
      version: /^Version:\s*(\S+)/m.exec(version.stdout)?.[1] ?? 'unknown',
      usable: check.status === 0,
      problems: check.status === 0 ? [] : check.stderr.split('\n').filter((line) => /Error/.test(line)),
    },
  };
}
