import type { Json, JsonObject, RequestFlag } from './request-flag.js';
import { getField } from './get-field.js';

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
 * The flag that names the field of a text's file.
 *
 * @param field path of the text in the request
 */
export function textFieldFlag(field: string): RequestFlag {
  return {
    flags: '--text-field <NAME>',
    summary: 'field of the objects, or column of the rows, that --text has',
    field: `${field}.field`,
    take: (request) => takeTextField(getField(request, field)),
  };
}

function takeTextField(text: Json | undefined): string | undefined {
  if (text === undefined) return undefined;
  const { field } = text as JsonObject;
  delete (text as JsonObject)['field'];
  return typeof field === 'string' ? field : undefined;
}
