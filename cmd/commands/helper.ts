import type { Argv } from 'yargs';
import { parseImage } from '../../src/transfer/registry/reference.ts';
import { defineCommand } from '../command.ts';
import { resultForm } from '../flags/output.ts';

/** `kubectl migrate helper save`: the helper image as a folder, for a place without internet access. */
export const helperSaveCommand = defineCommand({
  usage: 'save <image> <folder>',
  under: 'helper',
  summary: 'Save the helper image to a folder',
  description:
    'Save the helper image from a registry to a folder (an OCI image layout), to be carried to where no registry is\nreached. Logins are those of docker, podman or skopeo.',
  examples: [['$0 helper save registry.example/kubectl-migrate/helper:1.0 ./helper', 'fetch it once']],
  arguments: (yargs) =>
    caFlag(resultForm(yargs))
      .positional('image', { type: 'string', demandOption: true, describe: 'HOST/REPOSITORY:TAG, or @DIGEST' })
      .positional('folder', { type: 'string', demandOption: true, describe: 'where to; it is made' }),
  validate: ({ image }) => imageComplaints(image),
  run: async (options, streams) => (await import('../helper-image.ts')).saveHelper(options, streams),
});

/** `kubectl migrate helper push`: from such a folder to a registry that the nodes reach. */
export const helperPushCommand = defineCommand({
  usage: 'push <folder> <image>',
  under: 'helper',
  summary: 'Push a saved helper image to a registry',
  description: 'Push the helper image that "helper save" has put into a folder to a registry that the nodes reach.',
  examples: [['$0 helper push ./helper registry.inside/kubectl-migrate/helper:1.0', 'where nothing else is reached']],
  arguments: (yargs) =>
    caFlag(resultForm(yargs))
      .positional('folder', { type: 'string', demandOption: true, describe: 'what helper save has made' })
      .positional('image', { type: 'string', demandOption: true, describe: 'HOST/REPOSITORY:TAG' }),
  validate: ({ image }) => imageComplaints(image),
  run: async (options, streams) => (await import('../helper-image.ts')).pushHelper(options, streams),
});

function caFlag<T>(yargs: Argv<T>) {
  return yargs.option('ca', {
    type: 'string',
    describe: 'file with a certificate authority to trust beside the system’s',
  });
}

function imageComplaints(image: string): string[] {
  return parseImage(image) ? [] : [`'${image}' does not name an image in full: HOST/REPOSITORY:TAG or @sha256:…`];
}
