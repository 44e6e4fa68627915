import type { LayerArchitecture } from '../../gen/prunecast/v1/common.js';
import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import type { ReportRow } from '../../gen/prunecast/v1/study_types.js';
import { formatCount } from '../../words/format.js';
import type { Figure, Section } from '../form/report.js';

/** What is kept of each layer. */
export function writeLayers({ study, dense }: StudyOverview): Section | undefined {
  const report = study?.report;
  if (report?.winner?.architecture === undefined || dense === undefined) return undefined;
  const best = report.controls.find(({ name }) => name === report.bestControl);
  const rows = best === undefined ? [report.winner] : [report.winner, best];
  // What nobody prunes needs no picture.
  const pruned = KINDS.filter((kind) =>
    rows.some(({ architecture }) =>
      architecture?.layers.some((layer, index) => isPruned(layer, dense.layers[index] ?? layer, kind)),
    ),
  );
  if (pruned.length === 0) return undefined;
  return {
    id: 'layers',
    title: 'What is kept, layer by layer',
    note: `${best === undefined ? 'The winner' : `The winner beside the best control, ${best.name},`} and all that the unpruned model has.`,
    figures: pruned.map((kind) => writeKind(kind, dense.layers, rows)),
  };
}

interface Kind {
  readonly name: string;
  readonly field: keyof LayerArchitecture;
}

/** A key-value head takes its query heads with it, so of these only how many each has is a picture of its own. */
const KINDS: readonly Kind[] = [
  { name: 'key-value heads', field: 'kvHeads' },
  { name: 'query heads per key-value head', field: 'queryHeadsPerKv' },
  { name: 'FFN channels', field: 'ffnChannels' },
];

/** A layer without attention has no group of query heads that could be smaller. */
function isPruned(layer: LayerArchitecture, own: LayerArchitecture, { field }: Kind): boolean {
  return layer[field] < own[field] && !(field === 'queryHeadsPerKv' && layer.kvHeads === 0);
}

function writeKind({ name, field }: Kind, dense: readonly LayerArchitecture[], rows: readonly ReportRow[]): Figure {
  const architectures = rows.map((row) => ({
    name: row.name,
    kept: (row.architecture?.layers ?? []).map((layer) => layer[field]),
  }));
  return {
    caption: `Kept ${name}.`,
    chart: {
      kind: 'layers',
      label: `Kept ${name} of each layer`,
      axis: name,
      dense: dense.map((layer) => layer[field]),
      architectures,
    },
    table: {
      columns: ['layer', 'unpruned', ...architectures.map((architecture) => architecture.name)].map((column) => ({
        name: column,
        form: 'number',
      })),
      rows: dense.map((layer, index) =>
        [index, layer[field], ...architectures.map(({ kept }) => kept[index] ?? 0)].map(formatCount),
      ),
    },
  };
}
