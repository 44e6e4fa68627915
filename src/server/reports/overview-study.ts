import { BudgetKind, Measurement } from '../../gen/prunecast/v1/common.js';
import type { MeasuredPart, StudyOverview } from '../../gen/prunecast/v1/study.js';
import { TextPart, type Trial } from '../../gen/prunecast/v1/study_types.js';
import { encodeArchitecture } from '../encoding/architecture.js';
import { encodePlannedFidelity } from '../encoding/measurement.js';
import { readStudy } from '../records/read-study.js';
import { BUDGET_CODES } from '../requests/codes.js';
import type { PlannedWindows } from '../requests/plan-document.js';
import type { SearchPlan } from '../requests/plan-search.js';
import { findMetric, type PluginLookup } from '../requests/plugin-lookup.js';
import { describeStudy, type StudyServices } from '../studies/describe-study.js';
import { chartTrials } from './chart-trials.js';
import { describeSettings } from './describe-settings.js';
import { readPredictions } from './read-predictions.js';
import { writeReproduction } from './write-reproduction.js';

export interface OverviewServices extends StudyServices {
  readonly plugins: PluginLookup;
}

/** All that a report of a study shows, as the study stands now. Throws STUDY_NOT_FOUND, STATE_DAMAGED. */
export async function overviewStudy(services: OverviewServices, studyId: string): Promise<StudyOverview> {
  const record = await services.studies.get(studyId);
  const study = await describeStudy(services, studyId);
  const trials = await services.studies.trials(studyId);
  const { plan, progress } = readStudy(record);
  const metric = plan?.study.metric ?? findMetric(services.plugins, nameFirstMetric(trials));
  const [first] = plan?.study.budgets ?? [];
  return {
    study,
    metric: metric.name,
    higherIsBetter: metric.better === 'higher',
    logScale: metric.scale === 'log',
    parts: plan === undefined ? [] : listParts(plan),
    ...chartTrials(trials, { metric, study: plan?.study, calibrationTokens: progress?.calibrationTokens ?? 0 }),
    ...(await readPredictions(services.predictorStore, metric, study.predictorIds)),
    settings: plan === undefined ? [] : describeSettings(plan),
    commands: writeReproduction(record, plan?.kind ?? 'search'),
    sizeKind: first === undefined ? BudgetKind.UNSPECIFIED : BUDGET_CODES[first.cost.kind],
    dense: plan && encodeArchitecture(plan.study.space.shape.layers),
  };
}

function nameFirstMetric(trials: readonly Trial[]): string {
  return trials.flatMap(({ metrics }) => Object.keys(metrics))[0] ?? '';
}

function listParts({ windows, further = [] }: SearchPlan): MeasuredPart[] {
  return [{ name: '', windows }, ...further].flatMap(({ name, windows: { search, verify, report } }) => [
    describePart(name, TextPart.SEARCH, search),
    ...verify.map((rung) => describePart(name, TextPart.VERIFY, rung)),
    ...(report === null ? [] : [describePart(name, TextPart.REPORT, report)]),
  ]);
}

function describePart(
  name: string,
  part: TextPart,
  { measurement, fingerprint, fidelity }: PlannedWindows,
): MeasuredPart {
  return {
    name,
    part,
    measurement: Measurement.fromPartial({ ...measurement, fingerprint }),
    fidelity: encodePlannedFidelity(fidelity),
  };
}
