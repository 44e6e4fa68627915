import type { LayerArchitecture } from '../../gen/prunecast/v1/common.js';
import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import type { ReportRow } from '../../gen/prunecast/v1/study_types.js';
import { formatCount } from '../../cli/output/format.js';
import type { Figure, Section } from '../form/report.js';

/** What is kept of each layer. */
export function writeLayers({ study, dense }: StudyOverview): Section | undefined {
  const report = study?.report;
  if (report?.winner?.architecture === undefined || dense === undefined) return undefined;
  const best = report.controls.find(({ name }) => name === report.bestControl);
  const rows = best === undefined ? [report.winner] : [report.winner, best];
  const figures = KINDS.flatMap((kind) => {
    // What nobody prunes needs no picture.
    const isPruned = rows.some((row) =>
      row.architecture?.layers.some((layer, index) => kind.count(layer) !== kind.count(dense.layers[index] ?? layer)),
    );
    return isPruned ? [writeKind(kind, dense.layers, rows)] : [];
  });
  if (figures.length === 0) return undefined;
  return {
    id: 'layers',
    title: 'What is kept, layer by layer',
    note: `${best === undefined ? 'The winner' : `The winner beside the best control, ${best.name},`} and all that the unpruned model has.`,
    figures,
  };
}

interface Kind {
  readonly name: string;
  count(layer: LayerArchitecture): number;
}

const KINDS: readonly Kind[] = [
  { name: 'query heads', count: ({ kvHeads, queryHeadsPerKv }) => kvHeads * queryHeadsPerKv },
  { name: 'key-value heads', count: ({ kvHeads }) => kvHeads },
  { name: 'FFN channels', count: ({ ffnChannels }) => ffnChannels },
];

function writeKind({ name, count }: Kind, dense: readonly LayerArchitecture[], rows: readonly ReportRow[]): Figure {
  const architectures = rows.map((row) => ({ name: row.name, kept: (row.architecture?.layers ?? []).map(count) }));
  return {
    caption: `Kept ${name}.`,
    chart: { kind: 'layers', label: `Kept ${name} of each layer`, axis: name, dense: dense.map(count), architectures },
    table: {
      columns: ['layer', 'unpruned', ...architectures.map((architecture) => architecture.name)].map((column) => ({
        name: column,
        form: 'number',
      })),
      rows: dense.map((layer, index) =>
        [index, count(layer), ...architectures.map(({ kept }) => kept[index] ?? 0)].map(formatCount),
      ),
    },
  };
}
