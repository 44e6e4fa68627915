import type { Measurement } from '../../core/measurement.js';
import { formatCount } from '../../words/format.js';
import { canonicalJson } from '../../core/canonical-json.js';
import type { StudySetting } from '../../gen/prunecast/v1/study.js';
import type { PlannedPlugin } from '../requests/plan-document.js';
import type { SearchPlan } from '../requests/plan-search.js';

/** What decided a study, as names and values for people: nothing is left to a default. */
export function describeSettings(plan: SearchPlan): StudySetting[] {
  const { model, recipes, windows, study, predictor, strategy, features, evaluator, recovery, asked } = plan;
  const { exporter, exports } = plan;
  const { pairs, budgets, refinement } = study;
  const settings: Record<string, string | number | undefined> = {
    model: model.name,
    checkpoint: model.checkpointDigest,
    ...number(
      'budget',
      budgets.map(({ cost, limit }) => `${describeCost(cost)} at most ${formatCount(limit)}`),
    ),
    ...number('objective', asked.objectives.map(describeObjective)),
    evaluator: describePlugin(evaluator),
    ...Object.fromEntries(
      (plan.further ?? []).map((own) => [`evaluator of ${own.name}`, describePlugin(own.evaluator)]),
    ),
    ...describeWindows(windows.search.measurement),
    ...(Object.assign(
      {},
      ...recipes.compared.map(({ oneShot }, index) => {
        const name = recipes.compared.length === 1 ? 'recipe' : `recipe ${index + 1}`;
        return {
          [name]: `${describePlugin(oneShot.criterion)} with ${describePlugin(oneShot.compensation)}`,
          [`${name}, digest`]: oneShot.digest,
        };
      }),
    ) as Record<string, string>),
    'compensation fit': study.compensation.mode,
    dimensions: study.space.dimensions.length,
    'layers that may be pruned': listLayers(study.space.dimensions.flatMap(({ layers }) => layers)),
    pairs: `${formatCount(pairs.count)}, of which ${formatCount(pairs.insideCount)} inside the refined space`,
    'tokens per pair': formatCount(windows.search.fidelity.tokens),
    precision: windows.search.fidelity.precision,
    rounds: study.rounds,
    refinement: refinement === undefined || refinement === null ? 'none' : 'by importance',
    candidates: `${formatCount(study.candidates)} predicted per round`,
    finalists: `${formatCount(study.finalists)} evaluated per round`,
    'tokens per finalist':
      windows.verify.map(({ fidelity }) => formatCount(fidelity.tokens)).join(', then ') || undefined,
    predictor: predictor === null ? undefined : describePlugin(predictor),
    features: features?.replaceAll('_', ' ') ?? undefined,
    strategy: strategy === null ? undefined : describePlugin(strategy),
    controls: [...study.controls, ...study.paperControls.map((name) => `paper-recipe/${name}`)].join(', ') || 'none',
    exporter: exporter === null ? undefined : describePlugin(exporter),
    ...Object.fromEntries((exports ?? []).map((own) => [`exporter of ${own.folder}`, describePlugin(own)])),
    recovery: recovery && describePlugin(recovery.plugin),
    'recovery, text': recovery?.text.textDigest,
    'recovery, sequences':
      recovery && `${formatCount(recovery.text.sequences)} of ${formatCount(recovery.text.sequenceTokens)} tokens`,
    seed: study.seed,
  };
  return Object.entries(settings).flatMap(([name, value]) =>
    value === undefined ? [] : [{ name, value: String(value) }],
  );
}

/** How a text is cut; nothing for what has no windows. */
function describeWindows({ window, stride, bos }: Measurement): Record<string, string | number> {
  return window === 0 ? {} : { 'window tokens': window, stride, BOS: bos ? 'first in each window' : 'none' };
}

/** `budget` if there is one, else `budget 1`, `budget 2`. */
function number(name: string, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    values.map((value, index) => [values.length === 1 ? name : `${name} ${index + 1}`, value] as const),
  );
}

/** `least-squares (version 1; damping 0.01)`. */
function describePlugin({ id, version, options }: PlannedPlugin): string {
  const named = Object.entries((options ?? {}) as Record<string, unknown>).map(
    ([name, value]) => `${name} ${typeof value === 'string' ? value : canonicalJson(value)}`,
  );
  const details = [...(version === '' ? [] : [`version ${version}`]), named.join(', ')].filter((text) => text !== '');
  return details.length === 0 ? id : `${id} (${details.join('; ')})`;
}

function describeCost(cost: SearchPlan['study']['budgets'][number]['cost']): string {
  const { kind, ...details } = cost;
  const further = Object.entries(details).filter(([, value]) => typeof value === 'number');
  return [kind.replaceAll('_', ' '), ...further.map(([name, value]) => `(${name} ${String(value)})`)].join(' ');
}

function describeObjective({ metric, weight, limit }: SearchPlan['asked']['objectives'][number]): string {
  return `${metric}${weight === undefined ? '' : `, weight ${weight}`}${limit === undefined ? '' : `, limit ${limit}`}`;
}

/** `2-27`, `2-5, 7`. */
function listLayers(layers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const layer of [...new Set(layers)].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run?.[1] === layer - 1) run[1] = layer;
    else runs.push([layer, layer]);
  }
  return runs.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(', ');
}
