import type { DeepPartial, EvaluateRequest, JobEvent, PrunecastClient, Recipe, Text } from '../../src/client/index.js';
import { CompensationFit, type ReportRow, type StudyReport } from '../../src/gen/prunecast/v1/study_types.js';
import type { ChosenWindows } from './read-windows.js';

/** Perplexities of the rows of a report on another text, by their names. */
export interface Elsewhere {
  readonly text: string;
  readonly perplexities: Readonly<Record<string, number>>;
}

/**
 * Evaluates the dense model, the winner and every control on texts that the study has not seen, under the recipes of
 * the report, and the written winner if it was trained.
 */
export async function measureElsewhere(
  client: PrunecastClient,
  {
    model,
    report,
    calibration,
    bos,
    texts,
    onEvent,
  }: {
    readonly model: string;
    readonly report: StudyReport;
    readonly calibration: DeepPartial<Text>;
    readonly bos: boolean;
    readonly texts: readonly ChosenWindows[];
    readonly onEvent: (event: JobEvent) => void;
  },
): Promise<Elsewhere[]> {
  const [chosen] = report.recipes;
  const own: DeepPartial<Recipe> = {
    criterion: { id: chosen?.criterion ?? '' },
    compensation: {
      id: chosen?.compensation ?? '',
      ...(report.compensationFit === CompensationFit.STREAM ? { options: { fit: 'stream' } } : {}),
    },
    calibration: { text: calibration, bos },
  };
  const paper: DeepPartial<Recipe> = {
    criterion: { id: 'taylor', options: { order: 'first' } },
    compensation: { id: 'none' },
    calibration: { text: calibration, bos },
  };
  const inPaper = report.controls.filter(({ name }) => name.startsWith('paper-recipe/'));
  const rows = [report.dense, report.winner, ...report.controls.filter((row) => !inPaper.includes(row))].filter(
    (row) => row !== undefined,
  );
  const measured: Elsewhere[] = [];
  for (const text of texts) {
    const measure = (some: readonly ReportRow[], recipe: DeepPartial<Recipe>) =>
      evaluate(client, { model, recipe, rows: some, text, bos, onEvent });
    measured.push({
      text: text.name,
      perplexities: {
        ...(await measure(rows, own)),
        ...(inPaper.length === 0 ? {} : await measure(inPaper, paper)),
        ...(report.recovered === undefined
          ? {}
          : await evaluate(client, {
              model: report.output,
              recipe: { criterion: { id: 'magnitude' }, compensation: { id: 'none' } },
              rows: [{ name: report.recovered.name, architecture: undefined }],
              text,
              bos,
              onEvent,
            })),
      },
    });
  }
  return measured;
}

async function evaluate(
  client: PrunecastClient,
  {
    model,
    recipe,
    rows,
    text,
    bos,
    onEvent,
  }: {
    readonly model: string;
    readonly recipe: DeepPartial<Recipe>;
    /** The unpruned model if there is no architecture. */
    readonly rows: readonly Pick<ReportRow, 'name' | 'architecture'>[];
    readonly text: ChosenWindows;
    readonly bos: boolean;
    readonly onEvent: (event: JobEvent) => void;
  },
) {
  const request: DeepPartial<EvaluateRequest> = {
    model,
    recipe,
    measurement: {
      text: { source: { $case: 'tokenIds', value: { ids: [...text.tokens] } } },
      windows: { window: text.window, bos },
    },
    targets: rows.map(({ architecture }) => ({
      target:
        architecture === undefined
          ? ({ $case: 'dense', value: {} } as const)
          : ({ $case: 'architecture', value: architecture } as const),
    })),
  };
  const results = await client.runEvaluate(request, { onEvent });
  return Object.fromEntries(rows.map(({ name }, index) => [name, results[index]?.metrics['perplexity'] ?? NaN]));
}
