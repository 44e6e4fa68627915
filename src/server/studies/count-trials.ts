import { listLevelPoints } from '../../search/study/list-controls.js';
import { countPairs } from '../../search/study/next-action.js';
import type { StudyPlan } from '../../search/study/study-plan.js';
import type { StudyWindows } from './study-texts.js';

/** How many architectures a study evaluates, at most, and on how many tokens; calibration apart. */
export function countTrials(
  plan: StudyPlan,
  { search, verify, report }: StudyWindows['plans'],
): { readonly trials: number; readonly tokens: number } {
  const levels = listLevelPoints(plan).length;
  const rounds = Array.from({ length: plan.rounds }, (_, round) => countPairs(plan, round + 1)).reduce(
    (sum, count) => sum + count,
    countPairs(plan, 0),
  );
  const finalists =
    plan.curve === undefined ? plan.finalists * plan.rounds : plan.curve.finalists * plan.curve.factors.length;
  const pairs = rounds + (plan.recipes - 1) * (levels + 2) + plan.finalists * (plan.rounds - 1);
  const mended = plan.compensation.mode === 'one-shot' ? 0 : plan.compensation.candidates;
  const random = plan.controls.includes('random');
  const halved = (count: number) =>
    verify.map(({ fidelity }, rung) => ({ count: Math.ceil(count / 2 ** rung), tokens: fidelity.tokens }));
  const dearest = verify.at(-1)?.fidelity.tokens ?? 0;
  const steps = [
    { count: pairs + (random ? rounds + finalists : 0), tokens: search.fidelity.tokens },
    ...halved(finalists),
    ...(random ? halved(finalists) : []),
    { count: mended * (random ? 2 : 1) + (levels + 2) + (plan.paperControls.length > 0 ? levels : 0), tokens: dearest },
    {
      count:
        2 +
        plan.controls.length +
        plan.paperControls.length +
        (plan.curve === undefined ? 0 : finalists + plan.curve.factors.length),
      tokens: report.fidelity.tokens,
    },
  ];
  return steps.reduce(
    (sum, { count, tokens }) => ({ trials: sum.trials + count, tokens: sum.tokens + count * tokens }),
    { trials: 0, tokens: 0 },
  );
}
