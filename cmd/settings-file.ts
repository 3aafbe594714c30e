import { parseDocument } from 'yaml';
import { z } from 'zod';
import { unusable } from './unusable-setting.ts';

const settingsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/** The names and values of a configuration file. Throws F309 for what is no flat list of them. Pure. */
export function parseSettings(file: string, content: string): z.infer<typeof settingsSchema> {
  const document = parseDocument(content, { logLevel: 'silent' });
  const [broken] = document.errors;
  if (broken) throw unusable(`${file} is not YAML: ${broken.code} in line ${broken.linePos?.[0].line ?? '?'}`);
  const parsed = settingsSchema.safeParse(document.toJS() ?? {});
  if (parsed.success) return parsed.data;
  throw unusable(`${file} is not a list of settings: ${parsed.error.issues[0]?.message ?? ''}`);
}
