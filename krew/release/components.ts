import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cyclonedxEsbuildPlugin } from '@cyclonedx/cyclonedx-esbuild';
import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import type { Plugin } from 'esbuild';
import { z } from 'zod';
import { CRIU } from '../../src/helper/image/toolchain.ts';
import { hostTarget, nodeVersion, ROOT } from '../binary/targets.ts';

const SPEC = Version.v1dot6;

const licence = z.union([
  z.object({ expression: z.string() }),
  z.object({ license: z.object({ id: z.string().optional(), name: z.string().optional() }).loose() }),
]);
const attached = z.object({
  license: z.object({ text: z.object({ content: z.string(), encoding: z.string() }) }).loose(),
});
const componentSchema = z
  .object({
    name: z.string(),
    group: z.string().optional(),
    version: z.string().optional(),
    licenses: z.array(licence).default([]),
    evidence: z.object({ licenses: z.array(attached).default([]) }).optional(),
  })
  .loose();
const bomSchema = z.object({ components: z.array(componentSchema) }).loose();

/** A bill of materials as CycloneDX has it, as far as this project reads it. */
export type Bom = z.infer<typeof bomSchema>;
export type Component = Bom['components'][number];

/** An esbuild plugin that writes down every package of the bundle, with the texts of its licences. */
export function componentsPlugin(file: string): Plugin {
  return cyclonedxEsbuildPlugin({
    specVersion: SPEC,
    outputFile: path.resolve(file),
    gatherLicenseTexts: true,
    outputReproducible: true,
    // What goes wrong is thrown as well; everything else goes to stdout, which is for results.
    logLevel: 'silent',
  });
}

/** Folder of CRIU's definitions, with the licence that they are under, which is not CRIU's. */
const CRIU_DEFINITIONS = path.join(ROOT, 'src/engines/kubelet/criu');

/**
 * Reads what the plugin wrote and adds Node itself and CRIU's definitions, which the bundler does not see.
 * @throws when the result is no valid CycloneDX.
 */
export async function withRuntime(file: string): Promise<Bom> {
  const bom = bomSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  bom.components.push(
    await component(
      'platform',
      { name: 'node', version: nodeVersion() },
      {
        folder: path.join(ROOT, 'node_modules', hostTarget().nodePackage),
        description:
          'Node.js, as the official binaries have it: V8, OpenSSL, zlib and the rest of its own components included',
      },
    ),
    await component(
      'data',
      { name: 'criu-images', version: CRIU.version },
      {
        folder: CRIU_DEFINITIONS,
        description: 'Definitions of CRIU’s images, from the folder images of its source',
      },
    ),
  );
  const faults = await new JsonStrictValidator(SPEC).validate(JSON.stringify(bom));
  if (faults !== null) throw new Error(`the bill of materials is not valid: ${JSON.stringify(faults)}`);
  return bom;
}

/** One under the MIT licence, whose text is in that folder. */
async function component(
  type: 'platform' | 'data',
  { name, version }: { readonly name: string; readonly version: string },
  { folder, description }: { readonly folder: string; readonly description: string },
): Promise<Component> {
  const text = await readFile(path.join(folder, 'LICENSE'));
  const reference = `${name}@${version}`;
  return {
    ...{ type, name, version, description },
    'bom-ref': reference,
    purl: `pkg:generic/${reference}`,
    licenses: [{ license: { id: 'MIT' } }],
    evidence: {
      licenses: [
        { license: { name: 'file: LICENSE', text: { content: text.toString('base64'), encoding: 'base64' } } },
      ],
    },
  };
}

/** Name and version of a component, as npm writes them. */
export const title = ({ group, name, version }: Component): string =>
  `${group === undefined ? '' : `${group}/`}${name} ${version ?? ''}`.trim();

/** What a component is licensed under, as it declares itself. */
export function licenceOf({ licenses }: Component): string {
  return licenses
    .map((each) => ('expression' in each ? each.expression : (each.license.id ?? each.license.name)))
    .join(', ');
}

/**
 * The licences of everything in the binary, as one text.
 * @throws when a component declares none, or comes without its text: somebody has to look at it.
 */
export function licenceTexts(bom: Bom): string {
  const parts = bom.components.map((component) => {
    const texts = (component.evidence?.licenses ?? []).map(({ license: { text } }) =>
      Buffer.from(text.content, text.encoding as BufferEncoding)
        .toString('utf8')
        .trim(),
    );
    if (licenceOf(component) === '') throw new Error(`${title(component)} declares no licence`);
    return [`${title(component)}\nLicence: ${licenceOf(component)}`, ...texts].join('\n\n');
  });
  return `${parts.join(`\n\n${'-'.repeat(80)}\n\n`)}\n`;
}
