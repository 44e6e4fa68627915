import { Precision } from '../../gen/prunecast/v1/common.js';
import type { MeasuredPart, StudyOverview } from '../../gen/prunecast/v1/study.js';
import { TextPart } from '../../gen/prunecast/v1/study_types.js';
import { formatCount, formatEnum } from '../../words/format.js';
import type { Section } from '../form/report.js';

/** What was measured on what. */
export function writeMeasurements({ study, parts }: StudyOverview): Section | undefined {
  if (study === undefined || parts.length === 0) return undefined;
  const digests: [string, string][] = [
    ['checkpoint', study.checkpointDigest],
    ...parts.flatMap(({ measurement, fidelity, ...own }): [string, string][] => {
      const name = namePart(own);
      return [
        [`${name}: measurement`, measurement?.fingerprint ?? ''],
        [`${name}: text`, measurement?.textDigest ?? ''],
        [`${name}: items`, fidelity?.digest ?? ''],
      ];
    }),
    ['tokenizer', parts[0]?.measurement?.tokenizerDigest ?? ''],
    ...study.recipeDigests.map((digest, index): [string, string] => [`recipe ${index + 1}`, digest]),
  ];
  return {
    id: 'measurements',
    title: 'What was measured on what',
    note: 'Numbers compare only if their fingerprints are equal.',
    figures: [
      {
        table: {
          columns: [
            { name: 'part' },
            { name: 'tokens', form: 'number' },
            { name: 'count', form: 'number' },
            { name: 'tokens each', form: 'number' },
            { name: 'stride', form: 'number' },
            { name: 'precision' },
            { name: 'measured by' },
          ],
          rows: parts.map(({ measurement, fidelity, ...own }) => [
            namePart(own),
            formatCount(fidelity?.tokens ?? 0n),
            formatCount(fidelity?.windows ?? 0),
            formatCount(measurement?.window ?? 0),
            formatCount(measurement?.stride ?? 0),
            formatEnum(Precision, fidelity?.precision ?? Precision.UNSPECIFIED),
            nameScorer(measurement?.scorer ?? ''),
          ]),
        },
      },
      {
        caption: 'SHA-256 digests.',
        table: {
          columns: [{ name: 'of' }, { name: 'digest', form: 'digest' }],
          rows: dropRepeated(digests.filter(([, digest]) => digest !== '')),
        },
      },
    ],
  };
}

/** `search`, of a further measurement `search, mmlu`. */
function namePart({ part, name }: Pick<MeasuredPart, 'part' | 'name'>): string {
  return [formatEnum(TextPart, part), name].filter((word) => word !== '').join(', ');
}

/** The evaluator's id, with its options if it has any; a scorer of another form as it is. */
function nameScorer(scorer: string): string {
  try {
    const { id, options } = JSON.parse(scorer) as { readonly id?: unknown; readonly options?: object };
    return `${String(id ?? scorer)}${Object.keys(options ?? {}).length === 0 ? '' : ` ${JSON.stringify(options)}`}`;
  } catch {
    return scorer;
  }
}

/** Verify windows of several fidelities have one measurement and one text. */
function dropRepeated(rows: readonly [string, string][]): [string, string][] {
  const seen = new Set<string>();
  return rows.filter(([name, digest]) => {
    const key = `${name} ${digest}`;
    return !seen.has(key) && seen.add(key);
  });
}
