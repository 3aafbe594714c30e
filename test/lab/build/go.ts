import path from 'node:path';
import { run } from '../run.ts';

export interface GoBuild {
  /** Folder with the main package and its go.mod. */
  readonly folder: string;
  readonly output: string;
  readonly package?: string;
  readonly tags?: readonly string[];
  /** Values for string variables of packages, as the linker's -X takes them. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Link against the C library; default false, which yields a static program. */
  readonly cgo?: boolean;
  /** More of the environment: GOOS and GOARCH of another platform. */
  readonly environment?: Readonly<Record<string, string>>;
}

/**
 * Compiles a Go program, stripped and without paths of this machine in it. Overwrites the output.
 * @throws with the compiler's last lines when it fails.
 */
export async function goBuild(build: GoBuild): Promise<void> {
  const variables = Object.entries(build.variables ?? {}).map(([name, value]) => `-X ${name}=${value}`);
  const args = ['build', '-trimpath', '-buildvcs=false', '-ldflags', ['-s', '-w', ...variables].join(' ')];
  if (build.tags !== undefined) args.push('-tags', build.tags.join(','));
  args.push('-o', build.output, build.package ?? '.');
  await run('go', args, {
    cwd: build.folder,
    env: { ...build.environment, CGO_ENABLED: build.cgo === true ? '1' : '0' },
  });
}

/**
 * Fetches a module and returns the folder with its sources. They must not be written to.
 * @throws when the module cannot be had.
 */
export async function goModule(module: string, version: string): Promise<string> {
  const said: unknown = JSON.parse(await run('go', ['mod', 'download', '-json', `${module}@${version}`]));
  if (typeof said !== 'object' || said === null || !('Dir' in said) || typeof said.Dir !== 'string') {
    throw new Error(`go mod download told no folder for ${module}@${version}`);
  }
  return path.resolve(said.Dir);
}
