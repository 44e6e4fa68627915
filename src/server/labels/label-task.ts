import type { Architecture } from '../../core/model/shape.js';
import type { EvaluationPlan, EvaluationSubject, Evaluator, ObservationRequest } from '../../core/ports/evaluator.js';
import type { Labeller, LabelOrder, LabelQueue } from '../../core/ports/label-queue.js';
import type { Label } from '../../core/ports/label-store.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import { architectureKey } from '../../core/model/architecture-key.js';
import { fidelityDigest, measurementFingerprint } from '../encoding/measurement.js';
import { groupPlans } from './group-plans.js';

/** What an evaluator measures, with all that it needs for it. */
export interface PlannedMeasurement {
  /** What its metrics are told apart by from those of others; empty for the first of a request. */
  readonly name: string;
  readonly evaluator: Evaluator;
  /** Complete. */
  readonly options: unknown;
  readonly plan: EvaluationPlan;
}

/** What is labelled: architectures of a checkpoint under a recipe, in one or more measurements. */
export interface LabelTarget {
  readonly checkpointDigest: string;
  /**
   * Throws MODEL_CHANGED if the digest no longer matches the checkpoint: what was measured meanwhile is not a label.
   */
  readonly requireUnchanged: (signal: AbortSignal) => Promise<void>;
  /** The recipe's digest, or that of named units. The unpruned architecture is stored with an empty one. */
  readonly recipeDigest: string;
  readonly subject: EvaluationSubject;
  readonly measurements: readonly PlannedMeasurement[];
}

/** Architectures to be labelled for one target. */
export interface LabelTask extends LabelTarget {
  readonly architectures: readonly Architecture[];
}

export type ArchitectureLabels = LabelQueue<LabelTask>;

/** The order for labels of architectures: of each in turn one per measurement. */
export function orderLabels(target: LabelTarget, architectures: readonly Architecture[]): LabelOrder<LabelTask> {
  const measured = target.measurements.map(({ evaluator, plan }) => ({
    metrics: plan.metrics ?? evaluator.metrics.map(({ name }) => name),
    measurementFingerprint: measurementFingerprint(plan.measurement),
    fidelityDigest: fidelityDigest(plan.fidelity),
  }));
  const dense = architectureKey(target.subject.shape.layers);
  return {
    wanted: architectures.flatMap((architecture) => {
      const key = architectureKey(architecture);
      return measured.map(({ metrics, ...digests }) => ({
        metrics,
        key: {
          checkpointDigest: target.checkpointDigest,
          ...digests,
          recipeDigest: key === dense ? '' : target.recipeDigest,
          architectureKey: key,
        },
      }));
    }),
    task: { ...target, architectures },
  };
}

/**
 * Labels architectures by their evaluators. What several of them ask to be run is run once; otherwise each runs its
 * own, so that a label does not depend on what else is measured.
 */
export const evaluatorLabeller: Labeller<LabelTask> = {
  complete({ measurements }, index, label) {
    const { evaluator, plan } = measurements[index % measurements.length] as PlannedMeasurement;
    const evaluation = evaluator.complete?.(label, plan);
    return evaluation === undefined ? undefined : { ...label, metrics: evaluation.metrics, items: evaluation.items };
  },
  async *measure(task, indices, work) {
    const missing = new Set(indices);
    const runs = listRuns(task, missing);
    const total = sizeOf(task, runs);
    for (const [place, run] of runs.entries()) {
      const before = sizeOf(task, runs.slice(0, place));
      yield* measureRun(task, run, missing, shareOf(work, { before, own: sizeOf(task, [run]), total }));
    }
  },
};

/** Architectures that measurements run the same sequences of. */
interface Run {
  /** Places in the task. */
  readonly architectures: readonly number[];
  readonly measurements: readonly number[];
  readonly request: ObservationRequest;
  /** That run for one architecture (`EvaluationSubject.countTokens`). */
  readonly tokensEach: number;
  /** That run for all. */
  readonly tokens: number;
}

/**
 * Architectures that go through several runs before the next ones do: their labels are whole, and stored, before those of
 * the others are begun.
 */
const TOGETHER = 8;

function listRuns({ architectures, measurements, subject }: LabelTask, missing: ReadonlySet<number>): Run[] {
  const groups = groupPlans(measurements.map(({ plan }) => plan));
  const most = groups.length === 1 ? architectures.length : TOGETHER;
  const runs: Run[] = [];
  for (let from = 0; from < architectures.length; from += most) {
    const some = [...architectures.keys()].slice(from, from + most);
    for (const { places, request } of groups) {
      const asked = some.filter((architecture) =>
        places.some((place) => missing.has(architecture * measurements.length + place)),
      );
      if (asked.length === 0) continue;
      const tokensEach = subject.countTokens(request);
      runs.push({
        architectures: asked,
        measurements: places,
        request,
        tokensEach,
        tokens: asked.length * tokensEach,
      });
    }
  }
  return runs;
}

async function* measureRun(
  { architectures, measurements, subject, requireUnchanged }: LabelTask,
  run: Run,
  missing: ReadonlySet<number>,
  work: WorkContext,
): AsyncGenerator<{ readonly index: number; readonly label: Label }> {
  const chosen = run.architectures.map((architecture) => architectures[architecture] as Architecture);
  const paid = new Set<number>();
  for await (const { index, ...seen } of subject.observe(chosen, run.request, work)) {
    const observed = { ...seen, shape: subject.shape, architecture: chosen[index] as Architecture };
    for (const place of run.measurements) {
      const wanted = (run.architectures[index] as number) * measurements.length + place;
      if (!missing.has(wanted)) continue;
      const { evaluator, plan, options } = measurements[place] as PlannedMeasurement;
      const { metrics, items } = await evaluator.reduce(observed, plan, options, work);
      await requireUnchanged(work.signal);
      // The first one pays for what was run.
      const tokens = run.tokensEach + (seen.furtherTokens ?? 0);
      yield { index: wanted, label: { metrics, items, tokensSpent: paid.has(index) ? 0 : tokens } };
      paid.add(index);
    }
  }
}

/** What runs have to do. */
interface RunsSize {
  readonly tokens: number;
  readonly sequences: number;
  /** Windows or questions, those of each architecture. */
  readonly items: number;
}

function sizeOf({ measurements }: LabelTask, runs: readonly Run[]): RunsSize {
  const total = (of: (run: Run) => number): number => runs.reduce((sum, run) => sum + of(run), 0);
  return {
    tokens: total(({ tokens }) => tokens),
    sequences: total(({ architectures, request }) => architectures.length * request.sequences.length),
    items: total(
      ({ architectures, measurements: [first = 0] }) =>
        architectures.length * (measurements[first]?.plan.fidelity.items.length ?? 0),
    ),
  };
}

/**
 * The progress of a run as a part of the progress of all. Items are counted by their sequences: those of one item mostly
 * begin alike, and run together.
 */
function shareOf(
  { signal, report }: WorkContext,
  { before, own, total }: { readonly before: RunsSize; readonly own: RunsSize; readonly total: RunsSize },
): WorkContext {
  if (report === undefined) return { signal };
  let learnt = 0;
  return {
    signal,
    report: ({ known, ...progress }) => {
      learnt = known ?? learnt;
      const ownItems =
        own.sequences === 0 ? 0 : Math.floor((own.items * Math.min(learnt, own.sequences)) / own.sequences);
      const items = total.sequences === 0 ? {} : { items: { done: before.items + ownItems, total: total.items } };
      report(
        progress.activity === undefined
          ? {
              ...progress,
              done:
                own.tokens === total.tokens
                  ? progress.done
                  : Math.round(before.tokens + (own.tokens * progress.done) / Math.max(1, progress.total)),
              total: own.tokens === total.tokens ? progress.total : total.tokens,
              ...items,
            }
          : { ...progress, ...(known === undefined ? {} : items) }, // of a work before the run, with a total of its own
      );
    },
  };
}
