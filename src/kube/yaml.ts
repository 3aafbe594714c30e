import { type Document, parseAllDocuments } from 'yaml';

/** A document of a YAML text, or why it is none. */
export type YamlDocument = { readonly value: unknown } | { readonly broken: string };

/**
 * The documents of a text in YAML or JSON, those left out that are empty. Never throws: an alias that leads nowhere, or to far
 * more than was written, makes a broken document. Pure.
 */
export function yamlDocuments(text: string): readonly YamlDocument[] {
  const documents = parseAllDocuments(text, { logLevel: 'silent' });
  if (!Array.isArray(documents)) return [];
  return documents
    .filter((document) => document.errors.length > 0 || document.contents !== null)
    .map((document) => resolved(document));
}

/** The document of a file that holds one, or nothing. Never throws. Pure. */
export function onlyDocument(text: string): YamlDocument {
  const [document = { value: undefined }, ...others] = yamlDocuments(text);
  return others.length > 0 ? { broken: 'it holds several documents' } : document;
}

function resolved(document: Document): YamlDocument {
  const [error] = document.errors;
  if (error) return { broken: `${error.code} in line ${error.linePos?.[0].line ?? '?'}` };
  try {
    return { value: document.toJS() };
  } catch {
    // The parser's words quote the file, which may hold credentials.
    return { broken: 'an alias in it leads nowhere, or to far more than was written' };
  }
}
