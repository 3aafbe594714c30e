import path from 'node:path';
import { defineConfig } from 'vitest/config';

const root = path.resolve(import.meta.dirname, '..');

export default defineConfig({
  root,
  test: {
    reporters: ['default', './test/support/scenario-results.ts'],
    globalSetup: 'test/support/temporary-folder.ts',
    projects: [
      {
        root,
        test: {
          name: 'fast',
          include: ['test/{unit,cli,contract,faults}/**/*.test.ts'],
          exclude: ['**/*.lab.test.ts'],
          // Of two cores the default leaves one alone. Files share a process, and what it has loaded: no module of the
          // product keeps anything between two uses, and what a test makes is its own.
          maxWorkers: '100%',
          isolate: false,
          // A busy machine is no failure; a test that hangs still is.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          expect: { poll: { timeout: 60_000 } },
          sequence: { shuffle: true },
        },
      },
      {
        root,
        test: {
          name: 'lab',
          globalSetup: 'test/support/printed-roles.ts',
          include: ['test/e2e/*.test.ts', 'test/contract/**/*.lab.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 180_000,
          // Two cores are busy with that many; a fourth one makes all of them slower.
          maxWorkers: 3,
          maxConcurrency: 4,
        },
      },
      {
        root,
        test: {
          // Nothing else can run on the lab meanwhile.
          name: 'faults',
          globalSetup: 'test/support/printed-roles.ts',
          // `npm test` has the source deleted in test/e2e/faults.test.ts.
          include: [`test/e2e/faults/${process.env['FAULTS'] === 'full' ? '*' : 'lab'}.test.ts`],
          maxWorkers: 1,
        },
      },
      {
        root,
        test: {
          // Each file on a lab with the container runtimes that it says.
          name: 'runtimes',
          globalSetup: 'test/support/printed-roles.ts',
          include: ['test/e2e/runtimes/*.test.ts'],
          testTimeout: 240_000,
        },
      },
      {
        root,
        test: {
          name: 'release',
          include: ['test/release/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
      {
        root,
        test: {
          name: 'isolated',
          globalSetup: 'test/support/printed-roles.ts',
          include: ['test/e2e/isolated/*.test.ts'],
          testTimeout: 240_000,
        },
      },
    ],
  },
});
