import type { StudyReport } from '../../gen/prunecast/v1/study_types.js';
import type { OutputReport } from '../requests/manifest-schema.js';

/** What the manifest and the model card of a winner say of its study's report; undefined of one that measured nothing. */
export function describeReport({
  measurement,
  dense,
  winner,
  recovered,
  controls,
  lifts,
}: StudyReport): OutputReport | undefined {
  if (measurement === undefined || dense === undefined || winner === undefined) return undefined;
  return {
    fingerprint: measurement.fingerprint,
    metrics: (recovered ?? winner).metrics,
    recovered: recovered !== undefined,
    dense: dense.metrics,
    controls: controls.map(({ name, metrics }) => ({ name, metrics })),
    lifts: lifts.map(({ control, metric, lift, low, high }) => ({
      control,
      metric,
      lift,
      interval: low === undefined || high === undefined ? null : [low, high],
    })),
  };
}
