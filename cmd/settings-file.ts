import { z } from 'zod';
import { onlyDocument } from '../src/kube/yaml.ts';
import { unusable } from './unusable-setting.ts';

const settingsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));

/** The names and values of a configuration file. Throws F309 for what is no flat list of them. Pure. */
export function parseSettings(file: string, content: string): z.infer<typeof settingsSchema> {
  const document = onlyDocument(content);
  if ('broken' in document) throw unusable(`${file} is not YAML: ${document.broken}`);
  const parsed = settingsSchema.safeParse(document.value ?? {});
  if (parsed.success) return parsed.data;
  throw unusable(`${file} is not a list of settings: ${parsed.error.issues[0]?.message ?? ''}`);
}
