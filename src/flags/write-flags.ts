import { fillFlag } from './fill-flag.js';
import { getField } from './get-field.js';
import { setField } from './set-field.js';
import type { Json, JsonObject, RequestFlag } from './request-flag.js';
import { writeText } from './write-text.js';

/** One use of a flag on a command line. */
export interface WrittenFlag {
  /** `--pairs`. */
  readonly name: string;
  /** undefined for a flag without argument. */
  readonly argument?: string;
}

/**
 * The uses of flags that make a request: the inverse of `fillRequest`.
 *
 * @param flags those of a command, in the order in which they are to be written
 * @param request proto JSON with the names of the protos; a text or path in it is written as it stands
 * @returns undefined if the flags cannot say all of it: what they say is read again and compared
 */
export function writeFlags(flags: readonly RequestFlag[], request: JsonObject): WrittenFlag[] | undefined {
  const rest = structuredClone(request) as JsonObject;
  // What is not about one field changes what other flags find in theirs.
  const taken = new Map(flags.map((flag) => [flag, flag.take?.(rest)]));
  const written = flags.flatMap((flag): WrittenFlag[] => {
    const [name = ''] = flag.flags.split(' ');
    const argument = taken.get(flag);
    if (flag.take !== undefined) return [argument ?? []].flat().map((text) => ({ name, argument: text }));
    return takeArguments(flag, rest).map((text) => (text === undefined ? { name } : { name, argument: text }));
  });
  return sameRequests(readFlags(flags, written), request) ? written : undefined;
}

/** Takes out of a request what a flag can say; undefined stands for a use without argument. */
function takeArguments(flag: RequestFlag, rest: JsonObject): (string | undefined)[] {
  if (flag.field === undefined) return [];
  const list = /^(.+)\[\]$/.exec(flag.field)?.[1];
  if (list === undefined) {
    const value = getField(rest, flag.field);
    const uses = value === undefined ? undefined : writeValue(flag, value);
    if (uses !== undefined) setField(rest, flag.field, null);
    return uses ?? [];
  }
  const entries = getField(rest, list);
  if (!Array.isArray(entries)) return [];
  return (entries as Json[]).flatMap((entry, place) => {
    const uses = entry === null ? undefined : writeValue(flag, entry);
    if (uses !== undefined) setField(rest, `${list}[${place}]`, null);
    return uses ?? [];
  });
}

function writeValue(flag: RequestFlag, value: Json): (string | undefined)[] | undefined {
  if (!flag.flags.includes('<')) return value === (flag.value ?? true) ? [undefined] : undefined;
  const written = flag.place === 'text' ? writeText(value) : (flag.write ?? writePlain)(value);
  return written === undefined ? undefined : typeof written === 'string' ? [written] : [...written];
}

function writePlain(value: Json): string | undefined {
  return value === null || typeof value === 'object' ? undefined : String(value);
}

/** The request that the uses of flags make. */
function readFlags(flags: readonly RequestFlag[], written: readonly WrittenFlag[]): JsonObject {
  const request: JsonObject = {};
  for (const flag of flags) {
    const [name] = flag.flags.split(' ');
    const given = written
      .filter((use) => use.name === name)
      .map(({ argument = '' }) => ({
        text: argument,
        value: flag.flags.includes('<') ? (flag.parse ?? String)(argument) : (flag.value ?? true),
      }));
    fillFlag(flag, given, request, (place, text) =>
      place === 'text' ? (text.startsWith('@') ? { inline: text.slice(1) } : { path: text }) : text,
    );
  }
  return request;
}

/** Whether two requests say the same. */
function sameRequests(a: JsonObject, b: JsonObject): boolean {
  return JSON.stringify(normalise(a)) === JSON.stringify(normalise(b));
}

/** Fields in one order, without empty ones; numbers as texts, as proto JSON has those of 64 bits. */
function normalise(value: Json): Json {
  if (typeof value === 'number') return String(value);
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return (value as readonly Json[]).map(normalise);
  const fields = Object.entries(value as JsonObject)
    .map(([name, field]) => [name, normalise(field)] as const)
    .filter(([, field]) => !['{}', '[]'].includes(JSON.stringify(field)));
  return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)));
}
