import type { KubeObject } from '../../src/kube/objects.ts';

/** Label selectors as the API server reads them: `a=b`, `a!=b`, `a in (b,c)`, `a notin (b,c)`, `a`, `!a`. */
export function matchesLabels(object: KubeObject, selector: string | undefined): boolean {
  if (!selector) return true;
  const labels = object.metadata.labels ?? {};
  return splitOutsideParentheses(selector).every((term) => matchesTerm(labels, term.trim()));
}

function matchesTerm(labels: Readonly<Record<string, string>>, term: string): boolean {
  const set = /^(\S+)\s+(in|notin)\s+\(([^)]*)\)$/.exec(term);
  if (set) {
    const value = labels[set[1] ?? ''];
    const listed = value !== undefined && (set[3] ?? '').split(',').some((each) => each.trim() === value);
    return set[2] === 'in' ? listed : !listed;
  }
  const comparison = /^([^!=]+?)\s*(==|=|!=)\s*(.*)$/.exec(term);
  if (comparison) {
    const equal = labels[comparison[1] ?? ''] === comparison[3];
    return comparison[2] === '!=' ? !equal : equal;
  }
  return term.startsWith('!') ? labels[term.slice(1)] === undefined : labels[term] !== undefined;
}

function splitOutsideParentheses(text: string): string[] {
  return text.split(/,(?![^(]*\))/);
}

/** Field selectors: `path=value` and `path!=value`, any path (the real server knows a few per kind). */
export function matchesFields(object: KubeObject, selector: string | undefined): boolean {
  if (!selector) return true;
  return selector.split(',').every((term) => {
    const [, path = '', operator, wanted] = /^([^!=]+)(==|=|!=)(.*)$/.exec(term) ?? [];
    const equal = String(fieldAt(object, path) ?? '') === wanted;
    return operator === '!=' ? !equal : equal;
  });
}

function fieldAt(object: unknown, path: string): unknown {
  return path.split('.').reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), object);
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
