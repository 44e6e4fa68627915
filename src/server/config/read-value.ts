import { delimiter } from 'node:path';
import { z } from 'zod';

const [KIB, MIB, GIB, TIB] = [2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40];
const DECIMAL = { kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const BINARY = { KiB: KIB, MiB: MIB, GiB: GIB, TiB: TIB };
/** As Kubernetes writes them. */
const SHORT_BINARY = { Ki: KIB, Mi: MIB, Gi: GIB, Ti: TIB };
const BYTES: Readonly<Record<string, number>> = { ...DECIMAL, ...BINARY, ...SHORT_BINARY };
const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1e3, m: 6e4, h: 36e5, d: 864e5 };

/** Units by the end of a setting's name. */
const UNITS: Readonly<Record<string, Readonly<Record<string, number>>>> = { Bytes: BYTES, Ms: MILLISECONDS };

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
export function readQuantity(setting: string, value: unknown): unknown {
  return typeof value === 'string' && unitsOf(setting) !== undefined ? (readNumber(setting, value) ?? value) : value;
}

function readNumber(setting: string, text: string): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text);
  const factor = match?.[2] === '' ? 1 : unitsOf(setting)?.[match?.[2] ?? ''];
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}

function unitsOf(setting: string): Readonly<Record<string, number>> | undefined {
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
