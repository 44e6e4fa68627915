import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Architecture } from '../../core/model/shape.js';
import type { StudyPlan } from '../../search/study/plan.js';
import { KeptUnits } from '../../gen/prunecast/v1/common.js';
import { PruneResult } from '../../gen/prunecast/v1/job.js';
import { Study } from '../../gen/prunecast/v1/study.js';
import { FrontPoint, ReportRow } from '../../gen/prunecast/v1/study_types.js';
import { MAX_MESSAGE_BYTES } from '../config/limits.js';
import { encodeArchitecture } from './architecture.js';
import { encodeCosts, encodeDimension } from './costs.js';

/** Room for names, digests, file lists, metrics, phases and scores: what does not grow with the model. */
const OTHER_BYTES = 256 * 1024;

/** Room for the metrics, digests and names of one row or point. */
const ROW_BYTES = 1024;

/** The most bytes that the result of a Prune can have. */
export function boundPruneResult(own: Architecture, snapped: number): number {
  const result = PruneResult.fromPartial({ architecture: encodeArchitecture(own), keptUnits: emptyUnits(own) });
  return PruneResult.encode(result).finish().length + snapped * ROW_BYTES + OTHER_BYTES;
}

/** What the size of a study depends on. */
export type SizedPlan = Pick<
  StudyPlan,
  'space' | 'budgets' | 'controls' | 'paperControls' | 'finalists' | 'rounds' | 'objectives'
>;

/** The most bytes that a study can have, with a report of all rows and points of the front. */
export function boundStudy(plan: SizedPlan): number {
  const { space, budgets, controls, paperControls, finalists, rounds, objectives } = plan;
  const { shape } = space;
  const described = {
    architecture: encodeArchitecture(shape.layers),
    costs: encodeCosts(shape, shape.layers, budgets),
  };
  const rows = 2 + controls.length + paperControls.length;
  const points = (objectives?.objectives.length ?? 1) > 1 ? finalists * rounds : 0;
  const study = Study.fromPartial({
    dimensions: space.dimensions.map(encodeDimension),
    report: { winnerUnits: emptyUnits(shape.layers) },
  });
  return (
    Study.encode(study).finish().length +
    rows * (ReportRow.encode(ReportRow.fromPartial(described)).finish().length + ROW_BYTES) +
    points * (FrontPoint.encode(FrontPoint.fromPartial(described)).finish().length + ROW_BYTES) +
    OTHER_BYTES
  );
}

/**
 * Refuses work before it begins if its result might not fit a message.
 *
 * @throws PrunecastError MESSAGE_TOO_LARGE
 */
export function requireAnswerable(bytes: number, wayOut: string): void {
  if (bytes <= MAX_MESSAGE_BYTES) return;
  throw new PrunecastError(
    'MESSAGE_TOO_LARGE',
    `the result may have ${bytes} bytes, a message holds ${MAX_MESSAGE_BYTES}: ${wayOut}`,
    { metadata: { bytes: String(bytes), most: String(MAX_MESSAGE_BYTES) } },
  );
}

/** Bitmaps of the size that any kept units have. */
function emptyUnits(own: Architecture): KeptUnits {
  return {
    layers: own.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({
      kvGroups: Buffer.alloc(Math.ceil(kvHeads / 8)),
      queryHeads: Buffer.alloc(Math.ceil((kvHeads * queryHeadsPerKv) / 8)),
      ffnChannels: Buffer.alloc(Math.ceil(ffnChannels / 8)),
    })),
  };
}
