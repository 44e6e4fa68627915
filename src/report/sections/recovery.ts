import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import { compareBy, describeLift } from '../../words/describe-lift.js';
import { describeRecovery } from '../../words/describe-recovery.js';
import { formatMetric } from '../../words/format.js';
import type { Section } from '../form/report.js';

/** What training the winner brought. */
export function writeRecovery({ study, metric }: StudyOverview): Section | undefined {
  const { winner, recovered, recovery, recoveryLift } = study?.report ?? {};
  if (winner === undefined || recovered === undefined || recoveryLift === undefined) return undefined;
  const [training = '', heldOut = ''] = describeRecovery(recovery);
  const valueOf = ({ metrics }: typeof winner): string => formatMetric(metrics[metric] ?? Number.NaN);
  return {
    id: 'recovery',
    title: 'Recovery of the winner',
    note: `The winner was trained by the unpruned model before it was written; its shape is the same. On the report windows it is ${compareBy(recoveryLift.lift)} before (${describeLift(recoveryLift)}).`,
    figures: [
      {
        caption: [training, heldOut].filter((line) => line !== '').join('; '),
        table: {
          columns: [{ name: 'winner' }, { name: `${metric}, report windows`, form: 'number' }],
          rows: [
            ['before', valueOf(winner)],
            ['recovered', valueOf(recovered)],
          ],
        },
      },
    ],
  };
}
