import { z } from 'zod';
import { unpackUnits } from '../../core/model/unit-bitmap.js';
import { BUDGET_CODES } from './codes.js';

/** The version of the form of prunecast.json that is written. A later one may add fields, and nothing else. */
export const MANIFEST_VERSION = 1;

/** More than any layer has of one kind. */
export const MOST_UNITS = 1_048_576;

const count = z.int().min(0);
const share = z.number().min(0).max(1);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const plugin = z.object({
  id: z.string(),
  version: z.string().optional().describe('Left out for the first.'),
  options: z.record(z.string(), z.unknown()).describe('All of them, with defaults filled in.'),
});

const units = z
  .object({
    kept: count.describe('How many are kept.'),
    of: count.max(MOST_UNITS).describe('How many there were.'),
    bitmap: z.base64().describe('A bit for each: unit i is bit i mod 8 of byte i div 8, from the lowest bit up.'),
  })
  .transform(({ kept, of, bitmap }, context) => {
    const bytes = Buffer.from(bitmap, 'base64');
    const found = unpackUnits(bytes);
    if (bytes.length === Math.ceil(of / 8) && found.length === kept && (found.at(-1) ?? -1) < of) return found;
    context.addIssue(
      `is not a bitmap of ${kept} units out of ${of}: it has ${bytes.length} bytes and ${found.length} units`,
    );
    return z.NEVER;
  })
  .describe('Units of one kind in one layer.');

const measured = z.object({
  fingerprint: z.string().describe('How it was measured: numbers with other fingerprints do not compare.'),
  metrics: z.record(z.string(), z.number()).describe('By name.'),
});

/** What a study found out after it wrote its winner. */
const report = z.object({
  fingerprint: z.string().describe('How all of it was measured.'),
  metrics: z.record(z.string(), z.number()).describe('Of what lies here, by name.'),
  recovered: z.boolean().describe('Whether that was trained; lifts are of what it was before.'),
  dense: z.record(z.string(), z.number()).describe('Of the model that it was cut from.'),
  controls: z
    .array(z.object({ name: z.string(), metrics: z.record(z.string(), z.number()) }))
    .describe('What the same budget gives without a search.'),
  lifts: z
    .array(
      z.object({
        control: z.string(),
        metric: z.string(),
        lift: z.number().describe('1 - winner / control; winner / control - 1 if higher is better.'),
        interval: z.tuple([z.number(), z.number()]).nullable().describe('The paired 95 % bootstrap interval.'),
      }),
    )
    .describe('By how much it is better than each.'),
});

/** The entry `report` of a manifest. */
export type OutputReport = z.output<typeof report>;

const sequences = z.looseObject({
  textDigest: sha256.describe('Of the token ids of the text.'),
  sequences: count,
  sequenceTokens: count,
  bos: z.boolean(),
  bosToken: z.int().optional(),
});

const exporter = z.looseObject({ id: z.string() });

/** How the weights of an output were ranked and mended. */
const recipe = z.object({
  digest: z.string().describe('Of all below but `calibration_text`; equal recipes rank and mend alike.'),
  criterion: plugin,
  compensation: plugin,
  calibration: sequences.nullable().describe('The sequences of the calibration text; null without one.'),
  streamCalibration: z.looseObject({ sequences: count }).optional().describe('Those of a fit on the stream.'),
  seed: z.int(),
  calibration_text: z
    .object({
      path: z.string().nullable().describe('Of an absolute path the last name; null for a text that was sent.'),
      part: z.object({ from: share, to: share }).describe('Which part of it.'),
    })
    .nullable(),
});

/**
 * prunecast.json as this version writes it. `docs/prunecast.schema.json` is made of it; those that read what earlier
 * versions wrote take parts of it, with fewer fields required.
 */
export const MANIFEST = z
  .object({
    schema_version: z.literal(MANIFEST_VERSION).describe('Of the form of this file.'),
    prunecast_version: z.string(),
    source: z
      .object({
        model: z.string().describe('As the request named it; of an absolute path the last name.'),
        family: z.string(),
        checkpoint_digest: sha256.describe('SHA-256 over its configuration and all its weights.'),
        parameters: count,
      })
      .describe('The checkpoint that it was cut from.'),
    architecture: z
      .array(z.object({ kv_heads: count, query_heads_per_kv: count, ffn_channels: count }))
      .describe('What each layer keeps; 0 for a dropped half-block.'),
    rates: z
      .array(z.object({ kv_heads: share, query_heads: share, ffn_channels: share }))
      .describe('The share that was removed, layer by layer.'),
    kept_units: z
      .array(z.object({ kv_groups: units, query_heads: units, ffn_channels: units }))
      .min(1)
      .max(10_000)
      .describe('Which units each layer keeps, by their numbers in the source.'),
    recipe: recipe.nullable().describe('null if the caller named the units.'),
    allocation: z.string().nullable().describe('How a budget was shared among layers; null without one.'),
    recovery: z
      .looseObject({ plugin })
      .optional()
      .describe('How it was trained after it was cut; left out if it was not. Its weights are in no manifest.'),
    exporter: exporter
      .optional()
      .describe('What wrote it, with its options, and what it adds about itself. Left out where `exports` is there.'),
    exports: z
      .array(z.object({ folder: z.string(), exporter }))
      .optional()
      .describe('The forms of one model that lie here in a folder each, every one with a prunecast.json of its own.'),
    measurements: z
      .object({
        study_id: z.string().optional(),
        verify: measured.optional(),
        verify_before_recovery: measured.optional(),
      })
      .describe('What its study measured on the verify windows; empty if it is of no study.'),
    report: report
      .optional()
      .describe('What its study measured on the report windows, when it had ended; left out before, and without one.'),
    costs: z
      .array(
        z.object({
          kind: z.enum(Object.keys(BUDGET_CODES) as (keyof typeof BUDGET_CODES)[]),
          value: z.number(),
          dense_value: z.number(),
        }),
      )
      .optional()
      .describe('What it costs, beside the model that it was cut from. Left out where `exports` is there.'),
    job_id: z.string(),
    files: z.record(z.string(), count).describe('The bytes of all files but this one, by their paths in the folder.'),
    digests: z.record(z.string(), sha256).describe('SHA-256 of the same files.'),
    manifest_digest: sha256.describe(
      'SHA-256 of this file without this entry, as JSON with sorted keys and no spaces.',
    ),
  })
  .describe('What Prunecast writes beside each pruned model as prunecast.json.');
