import type { DataRow } from '../../../core/ports/evaluator.js';
import { quoteValue, rowFault, type RowPlace } from './question.js';

/**
 * The field of a row by its name. A dot leads into lists and objects: `choices.text`, `options.0`; of a CSV row the
 * fields are numbered from 0. undefined if there is none.
 */
export function readField(values: DataRow['values'], name: string): unknown {
  if (Object.hasOwn(values, name)) return (values as Readonly<Record<string, unknown>>)[name];
  let value: unknown = values;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  return value;
}

/** The field of a row as text. Throws INVALID_REQUEST if there is none, or if it is neither text nor a number. */
export function readText(values: DataRow['values'], name: string, place: RowPlace): string {
  const value = readField(values, name);
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  throw rowFault(
    place,
    value === undefined
      ? `has no field "${name}"; it has ${listFields(values)}`
      : `its field "${name}" is ${quoteValue(value)}; a text is needed`,
  );
}

/** The fields of a row, for a message. */
export function listFields(values: DataRow['values']): string {
  return Array.isArray(values)
    ? `${values.length} columns, numbered from 0`
    : Object.keys(values)
        .slice(0, 20)
        .map((name) => `"${name}"`)
        .join(', ') || 'none';
}

/** A template with each `{field}` in place of the row's text; two braces stand for one. */
export function fillTemplate(template: string, values: DataRow['values'], place: RowPlace): string {
  return template.replaceAll(PART, (part, name: string | undefined) =>
    name === undefined ? part.slice(1) : readText(values, name, place),
  );
}

/** Whether each brace of a template belongs to a field's name or is one of two. */
export function isTemplate(template: string): boolean {
  return !/[{}]/.test(template.replaceAll(PART, ''));
}

const PART = /\{\{|\}\}|\{([^{}]+)\}/g;
