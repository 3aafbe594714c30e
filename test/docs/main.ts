// Writes the pages of docs/ that follow from the program. Usage: npm run docs
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { PAGES } from './pages.ts';

for (const [name, page] of Object.entries(PAGES)) {
  writeFileSync(path.resolve(import.meta.dirname, '../../docs', name), page());
}
