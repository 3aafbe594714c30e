import type { Json } from '../domain/json.ts';

/** Who moved what, as far as a record's plan tells; '' for what an older plan does not. */
export interface RecordSummary {
  readonly namespace: string;
  readonly pod: string;
  /** `context/node`. */
  readonly from: string;
  readonly to: string;
}

/** The ends of a move, from a plan of any version. Pure. */
export function describeRecord({ plan }: { readonly plan: Json }): RecordSummary {
  const at = (...path: readonly string[]): string => {
    let value: unknown = plan;
    for (const key of path) value = isObject(value) ? value[key] : undefined;
    return typeof value === 'string' ? value : '';
  };
  return {
    namespace: at('source', 'namespace'),
    pod: at('source', 'pod'),
    from: `${at('source', 'context')}/${at('source', 'node')}`,
    to: `${at('target', 'context')}/${at('target', 'node')}`,
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
