// Writes the pages of docs/ that follow from the program, and from what scenarios have shown since. Usage: npm run docs
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PAGES } from './pages.ts';
import { isScenario, keptFile, readResults, resultsFile, takeIn } from './results.ts';

const results = takeIn(readResults(keptFile), readResults(resultsFile), isScenario);
writeFileSync(keptFile, `${JSON.stringify(results, null, 2)}\n`);

for (const [name, page] of Object.entries(PAGES)) {
  const file = path.resolve(import.meta.dirname, '../../docs', name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, page());
}
