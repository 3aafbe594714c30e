import { readFileSync } from 'node:fs';
import { CriuImages } from './criu-image.ts';

/** Where the helper image has what `image/descriptor.ts` made. */
const DESCRIPTOR = '/criu-images.json';

let loaded: CriuImages | undefined;

/** CRIU's definitions of this helper image. Read once; ask for it ahead of a restore, for that takes some milliseconds. */
export function criuImages(): CriuImages {
  loaded ??= new CriuImages(readFileSync(DESCRIPTOR, 'utf8'));
  return loaded;
}
