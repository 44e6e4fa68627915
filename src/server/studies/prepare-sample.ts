import { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import type { SamplePairsRequest } from '../../gen/prunecast/v1/pair.js';
import { JobState } from '../../gen/prunecast/v1/job.js';
import type { JobContext, JobResult } from '../kinds/job-context.js';
import type { RestartedJob } from '../jobs/jobs.js';
import type { Prepared } from '../kinds/runnable-kind.js';
import { workOn } from '../models/work-on.js';
import { requireSet } from '../requests/fields.js';
import { createId } from '../records/create-id.js';
import type { SearchServices, SampledStudy } from './study.js';
import { driveSample } from './drive.js';
import { createSamplePorts } from './sample-ports.js';
import { openStudyLog } from './study-log.js';
import { followPhases, planSamplePhases } from './study-phases.js';
import { createRequestServices } from '../recipes/request-services.js';
import { requireSamePlan } from '../requests/compare-plans.js';
import { planSample, readStudyPlan } from '../requests/plan-search.js';
import { resolveSample } from '../requests/resolve-search.js';

/**
 * Checks a SamplePairs request, its windows and its recipe; `run` then samples and labels: only the first phases of a
 * Search.
 */
export async function prepareSample(
  services: SearchServices,
  { search }: SamplePairsRequest,
  restarted?: RestartedJob,
): Promise<Prepared> {
  const request = keepSampling(requireSet(search, 'search'));
  const model = await services.models.open(request.model);
  const resolving = createRequestServices(services, model);
  const resolved = await resolveSample(resolving, request);
  const document = planSample(resolving, request, resolved);
  requireSamePlan(restarted, document);
  const study: SampledStudy = {
    ...resolved,
    plan: readStudyPlan(document.study),
    document,
    id: restarted?.studyId ?? createId('study'),
    model,
    request: SearchRequest.encode(request).finish(),
  };
  return {
    studyId: study.id,
    plan: document,
    phases: planSamplePhases(study),
    run: workOn(study.model, (context) => runSampling(services, study, context)),
  };
}

/** The fields that a sample depends on. All pairs belong to the first sample, since nothing is refined. */
function keepSampling({
  requestId,
  model,
  recipes,
  space,
  budgets,
  objectives,
  texts,
  evaluator,
  windows,
  pairs,
  verify,
  seed,
  furtherMeasurements,
}: SearchRequest): SearchRequest {
  return SearchRequest.fromPartial({
    requestId,
    model,
    recipes,
    space,
    budgets,
    objectives,
    texts,
    evaluator,
    windows,
    verify,
    furtherMeasurements,
    refine: { disabled: true },
    ...(pairs === undefined ? {} : { pairs: { ...pairs, insideCount: undefined } }),
    ...(seed === undefined ? {} : { seed }),
  });
}

async function runSampling(services: SearchServices, study: SampledStudy, context: JobContext): Promise<JobResult> {
  const log = followPhases(
    await openStudyLog(services, study, context),
    study.plan,
    planSamplePhases(study),
    context.phases,
  );
  const state = await driveSample(study.plan, log.reached, createSamplePorts(services, study, log, context));
  await log.finish(undefined, JobState.SUCCEEDED);
  const tokensSpent = Object.values(state.tokens).reduce((sum, tokens) => sum + tokens, 0);
  return {
    $case: 'samplePairs',
    value: { studyId: study.id, pairs: state.pairs.length, tokensSpent: BigInt(tokensSpent) },
  };
}
