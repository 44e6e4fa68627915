import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import { formatMetric } from '../../words/format.js';
import type { Section } from '../form/report.js';

/** The most dimensions that are shown. */
const MOST_SHOWN = 20;

/** Which dimensions matter most to the predictor. */
export function writeImportances({ importances }: StudyOverview): Section | undefined {
  if (importances.length === 0) return undefined;
  const shown = importances.slice(0, MOST_SHOWN);
  return {
    id: 'importances',
    title: 'Importance of the dimensions',
    note: `How much the predictor's error on held-out pairs rises when one dimension is shuffled among them, on the scale of the fit.${importances.length > MOST_SHOWN ? ` The first ${MOST_SHOWN} of ${importances.length}.` : ''}`,
    figures: [
      {
        chart: {
          kind: 'bars',
          label: 'Importance of the most important dimensions',
          axis: 'rise of the error',
          bars: shown.map(({ dimension, importance }) => ({ ...nameDimension(dimension), value: importance })),
        },
        table: {
          columns: [{ name: 'dimension' }, { name: 'rise of the error', form: 'number' }],
          rows: shown.map(({ dimension, importance }) => [dimension, formatMetric(importance)]),
        },
      },
    ],
  };
}

const GROUPS: Readonly<Record<string, string>> = {
  kv_heads: 'key-value heads',
  query_heads_per_kv: 'query heads per key-value head',
  ffn_channels: 'FFN channels',
};

/** `layers.7.ffn_channels` as layer and kind; any other name as it is. */
function nameDimension(dimension: string): { name: string; group: string } {
  const [, layer, kind = ''] = /^layers\.(\d+)\.(\w+)$/.exec(dimension) ?? [];
  const group = GROUPS[kind];
  return layer === undefined || group === undefined
    ? { name: dimension, group: 'dimension' }
    : { name: `layer ${layer}, ${group}`, group };
}
