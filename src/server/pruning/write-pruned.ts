import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../core/canonical-json.js';
import { architectureOf, type KeptUnits } from '../../core/model/units.js';
import type { RankedRecipe } from '../../engine/language-model.js';
import { pruneModel, type ReplacedTensors } from '../../engine/surgery/prune-model.js';
import type { WrittenExport } from '../../gen/prunecast/v1/common.js';
import type { PruneResult } from '../../gen/prunecast/v1/job.js';
import { encodeArchitecture, encodeKeptUnits } from '../encoding/architecture.js';
import type { PhasePlan } from '../jobs/phase-log.js';
import { workContext, type JobContext } from '../kinds/job-context.js';
import type { OpenModel } from '../models/open-models.js';
import { countCalibrated } from '../estimates/count-recipe-work.js';
import { fitsStream, type ResolvedRecipe } from '../requests/recipe.js';
import type { ResolvedRecovery } from '../requests/resolve-recovery.js';
import type { Provenance } from './describe-output.js';
import { exportInThread } from './export-in-thread.js';
import { FIT_PHASE, fitOnStream } from './fit-on-stream.js';
import { listCompensatedTensors } from './list-compensated-tensors.js';
import type { OutputPlan } from './output-plan.js';
import { planRecoverPhases, RECOVER_PHASE } from './recover-pruned.js';
import { countFormBytes, listForms } from './written-form.js';
import { writeForms } from './write-forms.js';
import { MANIFEST_FILE, type OutputFolders, type OutputPolicy } from '../../core/ports/outputs.js';

/** The phase that writes the output. */
export const EXPORT_PHASE = 'export';

/** The names of the phases of what `recoverPruned` and `writePruned` do. */
export const OUTPUT_PHASES: readonly string[] = [FIT_PHASE, RECOVER_PHASE, EXPORT_PHASE];

/**
 * The phases of what `recoverPruned` and `writePruned` do.
 *
 * @param recipes those of which one ranks the output; none if the caller named its units
 */
export function planOutputPhases(
  recipes: readonly ResolvedRecipe[],
  recovery: ResolvedRecovery | undefined,
): PhasePlan[] {
  const tokens = Math.max(
    0,
    ...recipes.filter(({ compensation }) => fitsStream(compensation)).map((recipe) => countCalibrated(recipe).tokens),
  );
  return [
    ...(tokens === 0 ? [] : [{ name: FIT_PHASE, tokens: STREAM_PASSES * tokens }]),
    ...planRecoverPhases(recovery),
    { name: EXPORT_PHASE },
  ];
}

/**
 * How often a fit on the stream counts each token, beside calibration, which runs it once: in the dense model, in the
 * pruned one, and for the equations.
 */
const STREAM_PASSES = 3;

const NO_TENSORS: ReplacedTensors = new Map();

/** Cuts a model and writes it in one step, in all its forms: the folder appears complete or not at all. */
export async function writePruned(
  outputs: OutputFolders,
  model: OpenModel,
  { keptUnits, recipe }: { readonly keptUnits: KeptUnits; readonly recipe: RankedRecipe | undefined },
  plan: OutputPlan,
  provenance: Provenance,
  context: Pick<JobContext, 'jobId' | 'signal' | 'progress' | 'phases'>,
): Promise<PruneResult> {
  const { checkpoint, shape } = model.language;
  const work = workContext(context, 'writing');
  const replace =
    recipe === undefined
      ? NO_TENSORS
      : listCompensatedTensors(
          model.language,
          recipe,
          architectureOf(keptUnits),
          workContext(context, 'compensating the weights'),
        );
  if (recipe !== undefined) await fitOnStream(model.language, recipe, architectureOf(keptUnits), context);
  context.phases.enter(EXPORT_PHASE);
  const cut = pruneModel({ checkpoint, keptUnits, replace });
  const biases = recipe?.compensation?.plugin.addsBias === true ? 'added' : 'none';
  const forms = listForms(model, cut, plan, biases, provenance, context.jobId);
  const [first] = forms;
  if (first === undefined) throw new RangeError('nothing is to write the output');
  const target = { ...plan, bytes: await countFormBytes(forms, cut) };
  let exports: readonly WrittenExport[] = [];
  const summary = await outputs.write(target, toPolicy(plan, first.manifest), async (directory, seal) => {
    const written =
      first.planned.folder === ''
        ? {
            summary: await exportInThread(first.planned, { ...cut, manifest: first.manifest }, directory, work),
            exports,
          }
        : await writeForms(
            forms,
            { pruned: cut, computed: new Set(replace.keys()) },
            { ...plan, directory, seal },
            context,
          );
    await checkpoint.files.requireUnchanged(work.signal); // before the output takes its place
    exports = written.exports;
    return written.summary;
  });
  return {
    output: plan.output,
    files: [...summary.files],
    bytes: BigInt(summary.bytes),
    architecture: encodeArchitecture(cut.architecture),
    keptUnits: encodeKeptUnits(cut.keptUnits, shape.layers),
    costs: [...first.costs],
    loadsIn: [...new Set(forms.flatMap(({ loadsIn }) => loadsIn))],
    recipeDigest: provenance.recipe?.digest ?? '',
    allocation: provenance.allocation,
    snapped: [],
    recovery: undefined,
    exports: [...exports],
    notes: [...plan.notes],
  };
}

function toPolicy({ overwrites }: OutputPlan, manifest: Readonly<Record<string, unknown>>): OutputPolicy {
  if (overwrites === 'none') return 'refuse';
  return overwrites === 'any' ? 'replace' : { mayReplace: (directory) => holdsManifest(directory, manifest) };
}

/** Whether a folder holds what the manifest says: an earlier run of the same job wrote it, or an equal job. */
async function holdsManifest(directory: string, manifest: Readonly<Record<string, unknown>>): Promise<boolean> {
  const text = await readFile(join(directory, MANIFEST_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return false;
  const found = JSON.parse(text) as Readonly<Record<string, unknown>>;
  return ['source', 'kept_units', 'recipe', 'allocation', 'measurements', 'recovery'].every(
    (key) => canonicalJson(found[key] ?? null) === canonicalJson(manifest[key] ?? null),
  );
}
