import { compatibilityPage } from './compatibility.ts';
import { stepsPicture } from './picture.ts';
import { referencePage } from './reference.ts';
import { keptFile, readResults } from './results.ts';
import { rolesPage } from './roles.ts';
import { troubleshootingPage } from './troubleshooting.ts';

/** Everything in docs/ that is written by the program, by file name. */
export const PAGES: Readonly<Record<string, () => string>> = {
  'compatibility.md': () => `${compatibilityPage(readResults(keptFile))}\n`,
  'reference.md': () => `${referencePage()}\n`,
  'troubleshooting.md': () => `${troubleshootingPage()}\n`,
  'steps.svg': stepsPicture,
  'roles/helper-source.yaml': () => rolesPage('helper', 'source'),
  'roles/helper-target.yaml': () => rolesPage('helper', 'target'),
  'roles/helper-within.yaml': () => rolesPage('helper', 'within'),
  'roles/kubelet-source.yaml': () => rolesPage('kubelet', 'source'),
  'roles/kubelet-target.yaml': () => rolesPage('kubelet', 'target'),
};
