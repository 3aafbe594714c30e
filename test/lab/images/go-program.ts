import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { goBuild } from '../build/go.ts';
import type { ImageConfig } from '../oci-layout.ts';
import type { LabImage } from './image.ts';

const programs = path.join(import.meta.dirname, 'programs');

/** An image with one static Go program of images/programs in it and nothing else. */
export function goProgramImage(name: string, config: ImageConfig): LabImage {
  return {
    name,
    config: { Entrypoint: [`/${name}`], ...config },
    sources: [path.join(programs, name), path.join(programs, 'go.mod')],
    fill: async (tree) => {
      const work = mkdtempSync(path.join(os.tmpdir(), 'kubectl-migrate-lab-'));
      try {
        // A copy, so that a compiler that wants to write to go.mod does not change the checkout.
        copyFileSync(path.join(programs, 'go.mod'), path.join(work, 'go.mod'));
        mkdirSync(path.join(work, name));
        cpSync(path.join(programs, name), path.join(work, name), { recursive: true });
        await goBuild({ folder: work, package: `./${name}`, output: path.join(work, 'program') });
        tree.addProgram(path.join(work, 'program'), name);
      } finally {
        rmSync(work, { recursive: true, force: true });
      }
    },
  };
}
