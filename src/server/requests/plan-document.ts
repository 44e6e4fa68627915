import type { Architecture } from '../../core/model/shape.js';
import { packUnits } from '../../core/model/unit-bitmap.js';
import type { Measurement, Precision } from '../../core/measurement.js';
import type { PluginKind } from '../../core/ports/plugin.js';
import type { ResolvedRecipe } from './recipe.js';
import type { ResolvedPlugin } from './plugin-lookup.js';
import type { Selection } from './resolve-selection.js';
import type { RequestServices } from './services.js';

/**
 * The version of plans. A plan is what a request resolved to, as stored with its job: plain and complete values, with
 * no defaults left to fill in. Texts and units stay in the request; a plan has their digests. The version rises with
 * each form that an older server could not compare.
 */
export const PLAN_VERSION = 1;

/** What every plan has. */
export interface PlanHead {
  readonly schemaVersion: typeof PLAN_VERSION;
  readonly kind: 'search' | 'sample' | 'prune' | 'evaluate' | 'fit' | 'imported';
}

export interface PlannedModel {
  /** As the caller named it. */
  readonly name: string;
  readonly checkpointDigest: string;
}

/** A plug-in with its complete options. */
export interface PlannedPlugin {
  readonly id: string;
  readonly version: string;
  readonly options: unknown;
}

/** The exporters of an output as a plan has them; `exports` is left out for a single one. */
export interface PlannedExporters {
  /** null if there are several, or nothing is written. */
  readonly exporter: PlannedPlugin | null;
  readonly exports?: readonly (PlannedPlugin & { readonly folder: string })[];
}

/** A recipe with the digest that its labels are stored under. */
export interface PlannedRecipe {
  readonly digest: string;
  readonly criterion: PlannedPlugin;
  readonly compensation: PlannedPlugin;
  /**
   * Digests of text, tokenizer and starts, and how the sequences were cut; null if the recipe has no calibration text.
   */
  readonly calibration: unknown;
  readonly seed: number;
}

/** The windows of one part of a text at one fidelity. */
export interface PlannedWindows {
  readonly measurement: Measurement;
  /** Digest of `measurement`. */
  readonly fingerprint: string;
  readonly fidelity: {
    readonly tokens: number;
    readonly windows: number;
    readonly precision: Precision;
    /** Digest of the windows' starts and the precision. */
    readonly digest: string;
  };
}

/** The kept units of a model. */
export interface PlannedSelection {
  readonly architecture: Architecture;
  /** Digest of the exact units; null if the recipe decides. */
  readonly units: string | null;
}

export function planModel({ name, checkpointDigest }: PlannedModel): PlannedModel {
  return { name, checkpointDigest };
}

export function planPlugin<Kind extends PluginKind>({
  plugin: { id, version = '' },
  options,
}: Pick<ResolvedPlugin<Kind>, 'plugin' | 'options'>): PlannedPlugin {
  return { id, version, options };
}

export function planRecipe({ digest, criterion, compensation, description, seed }: ResolvedRecipe): PlannedRecipe {
  return {
    criterion: planPlugin(criterion),
    compensation: planPlugin(compensation),
    calibration: description['calibration'] ?? null,
    seed,
    digest, // last, so that the cause of a difference is named first
  };
}

export function planSelection(
  { digestOf }: Pick<RequestServices, 'digestOf'>,
  { architecture, keptUnits }: Selection,
): PlannedSelection {
  const units = keptUnits?.map(({ kvGroups, queryHeads, ffnChannels }) =>
    [kvGroups, queryHeads, ffnChannels].map(writeBitmap),
  );
  return { architecture, units: units === undefined ? null : digestOf(units) };
}

/** Units in any order as one text; a list of them would be about twenty times as long. */
function writeBitmap(units: readonly number[]): string {
  const size = units.reduce((most, unit) => Math.max(most, unit + 1), 0);
  return Buffer.from(packUnits(units, size)).toString('base64');
}

/** A plan as it is stored and compared: a copy without undefined values. */
export function toPlain<Value>(value: Value): Value {
  return JSON.parse(JSON.stringify(value)) as Value;
}
