import type { Lift as LiftMessage } from '../../gen/prunecast/v1/study_types.js';
import type { Lift } from '../../search/phases/report/write-report.js';

/** The lift of a metric; its ends are unset if it has no interval. */
export function encodeLift(metric: string, { control, lift, interval }: Lift): LiftMessage {
  return { control, metric, lift, ...(interval === undefined ? {} : { low: interval[0], high: interval[1] }) };
}
