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

/**
 * A flag that says which field of the objects, or column of the rows, of a text's file is read.
 *
 * @param text path of the text in the request
 * @param of the flag that names the text
 */
export function textFieldFlag(name: string, text: string, of: string): RequestFlag {
  return {
    flags: `${name} <NAME>`,
    summary: `field of the objects, or column of the rows, that ${of} has`,
    field: `${text}.field`,
    take: (request) => takeOfText(request, text, 'field'),
  };
}

const DOCUMENTS = enumForm('DOCUMENTS', ['joined', 'apart']);

/**
 * Flags that say what of a text's file is read, and how.
 *
 * @param field path of the text in the request
 */
export function textFormFlags(field: string): RequestFlag[] {
  return [
    textFieldFlag('--text-field', field, '--text'),
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
