import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { TrainingPlan } from '../../core/ports/recovery.js';
import { splitSequences, type TrainingSplit } from '../../core/split-sequences.js';
import type { RecoverySpec } from '../../gen/prunecast/v1/common.js';
import { decodeCalibration } from './decode-recipe.js';
import { DEFAULT_PLUGINS, DEFAULT_RECOVERY_SEQUENCES } from './defaults.js';
import type { RecipeDefaults, SequencesDescription, TakenSequences } from './recipe.js';
import { planPlugin, type PlannedPlugin } from './plan-document.js';
import type { ResolvedPlugin } from './plugin-lookup.js';
import type { RequestServices } from './services.js';

/** A training of the pruned model, checked and complete. */
export interface ResolvedRecovery {
  readonly plugin: ResolvedPlugin<'recovery'>;
  readonly training: TrainingPlan;
  /** All sequences, held-out ones too. */
  readonly taken: TakenSequences;
  /** Those that are trained on. */
  readonly trained: TrainingSplit['trained'];
}

/** A recovery as a plan has it. */
export interface PlannedRecovery {
  readonly plugin: PlannedPlugin;
  readonly text: SequencesDescription;
}

/**
 * Whether a request asks for a training at all. Throws PLUGIN_NOT_FOUND, INVALID_OPTIONS.
 */
export function asksForTraining(
  { plugins }: Pick<RequestServices, 'plugins'>,
  asked: RecoverySpec | undefined,
): boolean {
  return planTraining(plugins, asked).training !== undefined;
}

/**
 * The training that a request asks for; undefined if it asks for none.
 *
 * @param defaults the text of the recipe, and what is to be taken of it
 * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS, INVALID_REQUEST, MEMORY_EXCEEDED, and those of texts
 */
export async function resolveRecovery(
  { model, plugins, recipes }: RequestServices,
  asked: RecoverySpec | undefined,
  defaults: RecipeDefaults,
): Promise<ResolvedRecovery | undefined> {
  const { plugin, training } = planTraining(plugins, asked);
  if (training === undefined) {
    if (asked?.text !== undefined)
      throw PrunecastError.ofField('recovery.text', `is given, but ${plugin.id} trains nothing: leave it out`);
    return undefined;
  }
  const calibration = decodeCalibration(asked?.text, model, 'recovery.text', {
    ...defaults,
    sequences: DEFAULT_RECOVERY_SEQUENCES,
  });
  if (calibration === undefined)
    throw PrunecastError.ofField(
      'recovery.text',
      `no text was given, and ${plugin.id} needs one, as the recipe has none: send a path under a data root, inline text or token ids`,
    );
  const taken = await recipes.takeSequences(calibration, 'recovery.text');
  const { trained } = splitSequences(taken.sequences.sequences, training.heldOutEvery);
  return { plugin, training, taken, trained };
}

function planTraining(plugins: RequestServices['plugins'], asked: RecoverySpec | undefined) {
  const plugin = plugins.resolve('recovery', asked?.plugin, DEFAULT_PLUGINS.recovery, 'recovery.plugin');
  return { plugin, training: plugin.plugin.plan(plugin.options) };
}

export function planRecovery({ plugin, taken }: ResolvedRecovery): PlannedRecovery {
  return { plugin: planPlugin(plugin), text: taken.description };
}
