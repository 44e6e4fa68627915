import { canonicalJson } from '../../core/canonical-json.js';
import type { EvaluationPlan, ObservationRequest } from '../../core/ports/evaluator.js';
import type { Sequence } from '../../core/sequence.js';

/** Plans that run the same sequences in the same precision. */
export interface PlanGroup {
  /** Their places among all plans, rising. */
  readonly places: readonly number[];
  /** What is observed for all of them at once. */
  readonly request: ObservationRequest;
}

type GroupedPlan = Pick<EvaluationPlan, 'sequences' | 'observe' | 'fidelity'>;

/**
 * Plans by what they run, which then runs once. What only some of a group observe is observed for all; what has a value of
 * its own must have the same.
 */
export function groupPlans(plans: readonly GroupedPlan[]): readonly PlanGroup[] {
  const groups: { readonly key: string; readonly places: [number, ...number[]] }[] = [];
  for (const [place, plan] of plans.entries()) {
    const key = describeRun(plan);
    const group = groups.find(
      (own) => own.key === key && areSame((plans[own.places[0]] as GroupedPlan).sequences, plan.sequences),
    );
    if (group === undefined) groups.push({ key, places: [place] });
    else group.places.push(place);
  }
  return groups.map(({ places }) => {
    const [first, ...others] = places.map((place) => plans[place] as GroupedPlan) as [GroupedPlan, ...GroupedPlan[]];
    return {
      places,
      request: Object.assign(
        { sequences: first.sequences, precision: first.fidelity.precision },
        ...[first, ...others].map(({ observe }) => observe),
      ) as ObservationRequest,
    };
  });
}

function describeRun({ observe = {}, fidelity }: GroupedPlan): string {
  return canonicalJson([fidelity.precision, Object.entries(observe).filter(([, value]) => value !== true)]);
}

/** Compared number by number, without a copy: a plan may have tens of millions of tokens. */
function areSame(some: readonly Sequence[], others: readonly Sequence[]): boolean {
  return (
    some.length === others.length &&
    some.every(({ tokens, spans }, place) => {
      const other = others[place] as Sequence;
      return (
        tokens.length === other.tokens.length &&
        spans.length === other.spans.length &&
        spans.every(({ from, to }, span) => from === other.spans[span]?.from && to === other.spans[span]?.to) &&
        tokens.every((token, index) => token === other.tokens[index])
      );
    })
  );
}
