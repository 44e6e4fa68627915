import { enumForm } from './enum-form.js';
import { getField } from './get-field.js';
import type { JsonObject, RequestFlag } from './request-flag.js';

/** A flag that names a text: a file, or the text itself after `@`. */
export function textFlag(
  name: string,
  field: string,
  summary: string,
  more: Pick<RequestFlag, 'required' | 'showsNoDefault'> = {},
): RequestFlag {
  return { flags: `${name} <FILE|@TEXT>`, summary, field, place: 'text', ...more };
}

const DOCUMENTS = enumForm('DOCUMENTS', ['joined', 'apart']);

/**
 * Flags that say what of a text's file is read, and how.
 *
 * @param field path of the text in the request
 */
export function textFormFlags(field: string): RequestFlag[] {
  return [
    {
      flags: '--text-field <NAME>',
      summary: 'field of the objects, or column of the rows, that --text has',
      field: `${field}.field`,
      take: (request) => takeOfText(request, field, 'field'),
    },
    {
      flags: '--documents <FORM>',
      summary: 'joined: tokenized as one text; apart: each by itself, and no window has two',
      field: `${field}.documents`,
      ...DOCUMENTS,
      take: (request) => DOCUMENTS.write(takeOfText(request, field, 'documents') ?? null) as string | undefined,
    },
  ];
}

/** Takes a field out of a text, so that the flag that names the text finds that alone. */
function takeOfText(request: JsonObject, field: string, name: 'field' | 'documents'): string | undefined {
  const text = getField(request, field) as JsonObject | undefined;
  const value = text?.[name];
  if (text === undefined || typeof value !== 'string') return undefined;
  delete text[name];
  return value;
}
