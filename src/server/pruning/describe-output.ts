import { basename, isAbsolute } from 'node:path';
import { z } from 'zod';
import type { Budget } from '../../core/budget/budget.js';
import { measureCost } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import type { ModelShape } from '../../core/model/shape.js';
import { architectureOf, type KeptUnits } from '../../core/model/units.js';
import type { Exporter } from '../../core/ports/exporter.js';
import type { Cost } from '../../gen/prunecast/v1/common.js';
import { VERSION } from '../config/version.js';
import { BUDGET_CODES } from '../requests/codes.js';
import { describeKeptUnits } from '../requests/decode-manifest.js';
import { MANIFEST, MANIFEST_VERSION } from '../requests/manifest-schema.js';
import type { ResolvedRecipe } from '../requests/recipe.js';

/** What is known of a pruned model besides its units; it goes into the manifest. */
export interface Provenance {
  /** undefined if the caller named the units. */
  readonly recipe: Pick<ResolvedRecipe, 'digest' | 'description' | 'origin'> | undefined;
  /** How the budget was allocated; empty if none was given. */
  readonly allocation: string;
  /** From `describeRecovery`; undefined if the model was not trained. */
  readonly recovery?: unknown;
  /** Measured metrics, by name. */
  readonly measurements: Readonly<Record<string, unknown>>;
  /** What the request limits. */
  readonly budgets: readonly Budget[];
}

/** The checkpoint that an output was cut from. */
export interface OutputSource {
  readonly name: string;
  readonly shape: ModelShape;
  readonly checkpointDigest: string;
}

/** What writes an output, with complete options. */
interface OutputExporter {
  readonly exporter: Pick<Exporter, 'id'>;
  readonly options: unknown;
}

/** The manifest of an output without the exporter's part: what `prunecast.json` says. */
export function describeOutput(
  source: OutputSource,
  keptUnits: KeptUnits,
  written: OutputExporter,
  provenance: Provenance,
) {
  const { exporter, ...cut } = describeCut(source, keptUnits, written);
  return {
    ...cut,
    recipe:
      provenance.recipe === undefined
        ? null
        : {
            digest: provenance.recipe.digest,
            ...provenance.recipe.description,
            calibration_text: describeOrigin(provenance.recipe.origin),
          },
    allocation: provenance.allocation === '' ? null : provenance.allocation,
    ...(provenance.recovery === undefined ? {} : { recovery: provenance.recovery }),
    exporter,
    measurements: provenance.measurements,
  };
}

/** What a manifest says of what a model costs, beside the unpruned one. */
export function describeCosts(costs: readonly Cost[]): Readonly<Record<string, unknown>>[] {
  return costs.map(({ kind, value, denseValue }) => ({
    kind: Object.entries(BUDGET_CODES).find(([, code]) => code === kind)?.[0],
    value,
    dense_value: denseValue,
  }));
}

/** The form of `describeCosts`, with the API's numbers for the kinds. */
export const COSTS_SCHEMA = z.array(
  MANIFEST.shape.costs.unwrap().element.transform(({ kind, value, dense_value }) => ({
    kind: BUDGET_CODES[kind],
    value,
    denseValue: dense_value,
    measured: undefined,
  })),
);

/** What a manifest says of what was cut from which checkpoint. */
export function describeCut(
  { name, shape, checkpointDigest }: OutputSource,
  keptUnits: KeptUnits,
  { exporter, options }: OutputExporter,
) {
  const parameters = createCostModel(shape, { kind: 'parameters' });
  return {
    schema_version: MANIFEST_VERSION,
    prunecast_version: VERSION,
    source: {
      model: publicName(name),
      family: shape.family,
      checkpoint_digest: checkpointDigest,
      parameters: measureCost(parameters, shape.layers),
    },
    architecture: architectureOf(keptUnits).map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
      kv_heads: kvHeads,
      query_heads_per_kv: queryHeadsPerKv,
      ffn_channels: ffnChannels,
    })),
    rates: keptUnits.map(({ kvGroups, queryHeads, ffnChannels }, layer) => {
      const own = shape.layers[layer];
      return {
        kv_heads: rateOf(kvGroups.length, own?.kvHeads),
        query_heads: rateOf(queryHeads.length, own === undefined ? undefined : own.kvHeads * own.queryHeadsPerKv),
        ffn_channels: rateOf(ffnChannels.length, own?.ffnChannels),
      };
    }),
    kept_units: describeKeptUnits(keptUnits, shape.layers),
    exporter: { id: exporter.id, options },
  };
}

function describeOrigin(origin: ResolvedRecipe['origin']) {
  if (origin === undefined) return null;
  return { ...origin, path: origin.path === null ? null : publicName(origin.path) };
}

/** An output may be published: of an absolute path it has the last name only. */
function publicName(path: string): string {
  return isAbsolute(path) ? basename(path) : path;
}

/** 1 - kept / size; 0 for a half-block that the model does not have. */
function rateOf(kept: number, size: number | undefined): number {
  return size === undefined || size === 0 ? 0 : 1 - kept / size;
}
