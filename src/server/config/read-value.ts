import { delimiter } from 'node:path';
import { z } from 'zod';
import { BYTE_UNITS, readQuantity, TIME_UNITS, type Units } from '../../words/quantities.js';

/** Units by the end of a setting's name. */
const UNITS: Readonly<Record<string, Units>> = { Bytes: BYTE_UNITS, Ms: TIME_UNITS };

/**
 * The value of a setting that is written as text, as its schema wants it: a number, also with a unit (`2GiB` where the
 * name of the setting ends in Bytes, `5m` where it ends in Ms), true or false, or a list. What cannot be read stays text,
 * so that the schema says what was expected.
 */
export function readValue(setting: string, schema: z.ZodType, text: string): unknown {
  const { type, separator } = z.toJSONSchema(schema, { io: 'input' });
  switch (type) {
    case 'array':
      return readList(text.trim(), separator === 'comma' ? /\s*,\s*/ : delimiter);
    case 'integer':
    case 'number':
      return readNumber(setting, text.trim()) ?? text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    default:
      return text;
  }
}

/** A number with a unit, from a file too, where it is text; anything else as it is. */
export function readFileValue(setting: string, value: unknown): unknown {
  return typeof value === 'string' && unitsOf(setting) !== undefined ? (readNumber(setting, value) ?? value) : value;
}

function readNumber(setting: string, text: string): number | undefined {
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : readQuantity(text, unitsOf(setting) ?? {});
}

/** A value with a unit, for messages. Undefined for a setting that takes none. */
export function exampleOf(setting: string): string | undefined {
  const units = unitsOf(setting);
  return units === undefined ? undefined : units === BYTE_UNITS ? '4GiB' : '90s';
}

function unitsOf(setting: string): Units | undefined {
  return UNITS[/[A-Z][a-z]+$/.exec(setting)?.[0] ?? ''];
}

/** A JSON array if it begins like one. If it does not parse it stays a text. */
function readList(text: string, separator: string | RegExp): unknown {
  if (!text.startsWith('["')) return text.split(separator).filter((entry) => entry !== '');
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
