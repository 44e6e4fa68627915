import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Transaction } from 'kysely';
import { packUnits } from '../../../core/model/unit-bitmap.js';
import { blobBytes } from './columns.js';
import type { Schema } from './schema.js';

/**
 * Rewrites requests, results and reports of earlier versions, which listed kept units one by one, named preset and
 * controls by text, and said by a flag how a study's compensation was fitted.
 */
export async function rewriteMessages(transaction: Transaction<Schema>): Promise<void> {
  const jobs = await transaction
    .selectFrom('jobs')
    .leftJoin('job_requests', 'job_requests.job_id', 'jobs.id')
    .select(['jobs.id', 'jobs.kind', 'jobs.last_sequence', 'job_requests.request'])
    .execute();
  for (const { id, kind, last_sequence: last, request } of jobs) {
    const rules = REQUEST_RULES[kind];
    if (request !== null && rules !== undefined)
      await transaction
        .updateTable('job_requests')
        .set({ request: orSame(rewrite, blobBytes(request), rules) })
        .where('job_id', '=', id)
        .execute();
    // Only the terminal event, which is the last, names units.
    const rows = transaction.selectFrom('events').where('job_id', '=', id).where('sequence', '=', last);
    const row = await rows.select('event').executeTakeFirst();
    if (row !== undefined)
      await transaction
        .updateTable('events')
        .set({ event: orSame(rewrite, blobBytes(row.event), EVENT_RULES) })
        .where('job_id', '=', id)
        .where('sequence', '=', last)
        .execute();
  }
  const studies = await transaction.selectFrom('studies').select(['id', 'request', 'report']).execute();
  for (const { id, request, report } of studies)
    await transaction
      .updateTable('studies')
      .set({
        request: orSame(rewrite, blobBytes(request), SEARCH_RULES),
        report: report === null ? null : orSame(rewriteReport, report),
      })
      .where('id', '=', id)
      .execute();
}

/** What cannot be read stays as it is: reading it later reports the damage. */
function orSame<Value, Rest extends readonly unknown[]>(
  change: (value: Value, ...rest: Rest) => Value,
  value: Value,
  ...rest: Rest
): Value {
  try {
    return change(value, ...rest);
  } catch {
    return value;
  }
}

/** Reads the value of a field and returns what takes its place, encoded. */
type Rewrite = (reader: BinaryReader, wire: WireType) => Uint8Array;
/** By field number. */
type Rules = Readonly<Record<number, Rewrite>>;

/** The message with each field that has a rule rewritten, and all others as they are. */
function rewrite(message: Uint8Array, rules: Rules): Uint8Array {
  const reader = new BinaryReader(message);
  const writer = new BinaryWriter();
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const [number, wire] = reader.tag();
    const rule = rules[number];
    if (rule !== undefined) writer.raw(rule(reader, wire));
    else {
      reader.skip(wire);
      writer.raw(message.subarray(start, reader.pos));
    }
  }
  return writer.finish();
}

/** A nested message under its own number. */
function within(number: number, rules: Rules): Rules {
  return { [number]: (reader) => field(number).bytes(rewrite(reader.bytes(), rules)).finish() };
}

/** A list of units as a bitmap under another number. */
function toBitmap(number: number): Rewrite {
  return (reader, wire) => {
    if (wire !== WireType.LengthDelimited) throw new RangeError('a list of units that is not packed');
    const units: number[] = [];
    for (const end = reader.uint32() + reader.pos; reader.pos < end; ) units.push(reader.int32());
    return field(number).bytes(pack(units)).finish();
  };
}

/** An enum in place of a text. */
function toEnum(number: number, codes: Readonly<Record<string, number>>): Rewrite {
  return (reader) => {
    const code = codes[reader.string()];
    return code === undefined ? new Uint8Array() : field(number, WireType.Varint).int32(code).finish();
  };
}

function field(number: number, wire: WireType = WireType.LengthDelimited): BinaryWriter {
  return new BinaryWriter().tag(number, wire);
}

function pack(units: readonly number[]): Uint8Array {
  return packUnits(units, 1 + Math.max(-1, ...units));
}

// The numbers are those of the protos when this step was written; it never changes.
const KEPT_UNITS_RULES = within(1, { 1: toBitmap(4), 2: toBitmap(5), 3: toBitmap(6) });
const CONTROLS = {
  'uniform-paper': 1,
  'uniform-best': 2,
  'global-threshold': 3,
  'calibration-error': 4,
  random: 5,
  'paper-recipe/uniform-paper': 6,
  'paper-recipe/uniform-best': 7,
};
const [ONE_SHOT, STREAM] = [1, 2];
const SEARCH_RULES: Rules = { 23: toEnum(31, { paper: 1 }), 26: toEnum(32, CONTROLS) };
const REPORT_RULES: Rules = {
  ...within(16, KEPT_UNITS_RULES),
  19: (reader) =>
    field(26, WireType.Varint)
      .int32(reader.bool() ? STREAM : ONE_SHOT)
      .finish(),
};
const EVENT_RULES = within(11, { ...within(3, within(5, KEPT_UNITS_RULES)), ...within(5, REPORT_RULES) });
/** By the kind of the job: Prune, Evaluate, Search, SamplePairs. */
const REQUEST_RULES: Readonly<Record<number, Rules>> = {
  1: within(7, KEPT_UNITS_RULES),
  2: within(3, within(5, KEPT_UNITS_RULES)),
  3: SEARCH_RULES,
  4: within(1, SEARCH_RULES),
};

interface StoredReport {
  readonly stream?: boolean;
  readonly phases?: readonly { readonly seconds?: number }[];
  readonly winnerUnits?: { readonly layers?: readonly Readonly<Record<string, readonly number[]>>[] };
}

/** A report as the JSON of this version's message. */
function rewriteReport(text: string): string {
  const { stream, phases, winnerUnits, ...report } = JSON.parse(text) as StoredReport;
  const layers = winnerUnits?.layers?.map((layer) =>
    Object.fromEntries(
      Object.entries(layer).map(([kind, units]) => [kind, Buffer.from(pack(units)).toString('base64')]),
    ),
  );
  return JSON.stringify({
    ...report,
    compensationFit: stream === true ? STREAM : ONE_SHOT,
    ...(phases !== undefined && {
      phases: phases.map(({ seconds, ...phase }) => ({ ...phase, elapsedSeconds: seconds ?? 0 })),
    }),
    ...(layers !== undefined && { winnerUnits: { layers } }),
  });
}
