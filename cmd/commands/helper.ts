import { parseImage } from '../../src/transfer/registry/reference.ts';
import { defineCommand } from '../command.ts';
import { resultForm } from '../flags/output.ts';
import { registryCaFlag } from '../flags/registry.ts';

/** `kubectl migrate helper save`: the helper image as a folder, for a place without internet access. */
export const helperSaveCommand = defineCommand({
  usage: 'save [image] [folder]',
  under: 'helper',
  summary: 'Save the helper image to a folder',
  description:
    'Save the helper image from a registry to a folder (an OCI image layout), to be carried to where no registry is\nreached. Logins are those of docker, podman or skopeo.',
  examples: [['$0 helper save registry.example/kubectl-migrate/helper:1.0 ./helper', 'fetch it once']],
  arguments: (yargs) =>
    registryCaFlag(resultForm(yargs))
      .positional('image', { type: 'string', describe: 'HOST/REPOSITORY:TAG, or @DIGEST' })
      .positional('folder', { type: 'string', describe: 'where to; it is made' }),
  validate: (options) => complaints(options),
  run: async (options, streams) =>
    (await import('../helper-image.ts')).saveHelper({ ...options, ...named(options) }, streams),
});

/** `kubectl migrate helper push`: from such a folder to a registry that the nodes reach. */
export const helperPushCommand = defineCommand({
  usage: 'push [folder] [image]',
  under: 'helper',
  summary: 'Push a saved helper image to a registry',
  description: 'Push the helper image that "helper save" has put into a folder to a registry that the nodes reach.',
  examples: [['$0 helper push ./helper registry.inside/kubectl-migrate/helper:1.0', 'where nothing else is reached']],
  arguments: (yargs) =>
    registryCaFlag(resultForm(yargs))
      .positional('folder', { type: 'string', describe: 'what helper save has made' })
      .positional('image', { type: 'string', describe: 'HOST/REPOSITORY:TAG' }),
  validate: (options) => complaints(options),
  run: async (options, streams) =>
    (await import('../helper-image.ts')).pushHelper({ ...options, ...named(options) }, streams),
});

interface Named {
  readonly image?: string | undefined;
  readonly folder?: string | undefined;
}

/** Both are there: `complaints` has looked. Pure. */
function named({ image = '', folder = '' }: Named) {
  return { image, folder };
}

/** Complaints about what is missing, and about an image that is not named in full. Pure. */
function complaints({ image, folder }: Named): string[] {
  return [
    ...(image === undefined ? ['which image? name it: HOST/REPOSITORY:TAG or @sha256:…'] : imageComplaints(image)),
    ...(folder === undefined ? ['which folder? name it'] : []),
  ];
}

function imageComplaints(image: string): string[] {
  return parseImage(image) ? [] : [`'${image}' does not name an image in full: HOST/REPOSITORY:TAG or @sha256:…`];
}
