import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createClient,
  ReportFormat,
  startLocalServer,
  type EvaluationResult,
  type PrunecastClient,
  type StudyReport,
} from '../../client/index.js';
import { writeList } from '../session/environment-list.js';
import { readRow, type Measured, type Outcome, type OutcomeFacts, type WinnerLift } from './check-outcome.js';
import { demoRequest, inlineText, MODELS, readStories, REMOVED_SHARE, splitStories, WINDOWS } from './demo-request.js';
import type { DemoDisplay } from './show-phases.js';

/** What a demo found. */
export interface DemoRun {
  readonly outcome: Outcome;
  readonly facts: OutcomeFacts;
  readonly report: StudyReport;
}

/** What the demo writes into its folder. */
export const DEMO_FILES = { model: 'model', page: 'report.html', stories: 'stories.txt' } as const;

/**
 * The whole path on a real, tiny model: searches at 20 % fewer parameters, writes the winner, loads it again and
 * measures it again, with a server that lives in a temporary folder. Writes `DEMO_FILES`.
 *
 * @param folder exists and is empty
 * @param signal ends the demo; its server and its state are gone afterwards
 */
export async function runDemo(
  folder: string,
  { display, signal }: { readonly display: DemoDisplay; readonly signal: AbortSignal },
): Promise<DemoRun> {
  const start = performance.now();
  const temporary = await mkdtemp(join(tmpdir(), 'prunecast-demo-'));
  try {
    const server = await startLocalServer({
      environment: {
        // As for any command: nobody else can call it.
        PRUNECAST_STARTED_BY_COMMAND: 'true',
        PRUNECAST_EXIT_ON_STDIN_END: '',
        PRUNECAST_STATE_DIRECTORY: join(temporary, 'state'),
        PRUNECAST_MODEL_ROOTS: writeList([MODELS, folder]),
        PRUNECAST_DATA_ROOTS: writeList([MODELS]),
        PRUNECAST_OUTPUT_ROOT: folder,
      },
    });
    const client = createClient({ address: server.address });
    try {
      return await search(client, folder, { display, signal: AbortSignal.any([signal, server.ended]), start });
    } finally {
      client.close();
      await server.stop();
    }
  } finally {
    display.end();
    await rm(temporary, { recursive: true, force: true });
  }
}

async function search(
  client: PrunecastClient,
  folder: string,
  { display, signal, start }: { readonly display: DemoDisplay; readonly signal: AbortSignal; readonly start: number },
): Promise<DemoRun> {
  const stories = await readStories();
  const texts = splitStories(stories);
  const report = await client.runSearch(demoRequest(texts, DEMO_FILES.model), { signal, onEvent: display.show });
  display.step('loading the winner again, and measuring it again');
  const [reloaded] = await client.runEvaluate(
    { model: DEMO_FILES.model, measurement: { text: inlineText(texts.report), windows: WINDOWS } },
    { signal, onEvent: display.show },
  );
  const { studies } = client.services;
  const { study } = await studies.getStudy({ studyId: report.studyId }, { signal });
  const page = await studies.getStudyReport({ studyId: report.studyId, format: ReportFormat.HTML }, { signal });
  await writeFile(join(folder, DEMO_FILES.page), page.document);
  await writeFile(join(folder, DEMO_FILES.stories), stories.join('\n\n'));
  return {
    outcome: gatherOutcome(report, reloaded, (performance.now() - start) / 1000),
    facts: {
      removedShare: REMOVED_SHARE,
      prunableLayers: new Set(study?.dimensions.flatMap(({ layers }) => layers)).size,
      sameMeasurement: report.measurement?.fingerprint === reloaded?.measurement?.fingerprint,
    },
    report,
  };
}

function gatherOutcome(report: StudyReport, reloaded: EvaluationResult | undefined, seconds: number): Outcome {
  const rows = new Map([report.dense, ...report.controls, report.winner].map((row) => [row?.name, row]));
  const measured = (name: string): Measured => readRow(rows.get(name));
  const liftOver = (name: string): WinnerLift => {
    const { lift = NaN, low = NaN, high = NaN } = report.lifts.find(({ control }) => control === name) ?? {};
    return { share: lift, low, high };
  };
  return {
    dense: measured('dense'),
    uniform_paper: measured('uniform-paper'),
    uniform_best: measured('uniform-best'),
    random: measured('random'),
    winner: measured('winner'),
    reloaded: { parameters: reloaded?.costs[0]?.value ?? NaN, perplexity: reloaded?.metrics['perplexity'] ?? NaN },
    lifts: {
      uniform_paper: liftOver('uniform-paper'),
      uniform_best: liftOver('uniform-best'),
      random: liftOver('random'),
    },
    pairs: report.pairs,
    predicted: Number(report.predicted),
    verified: report.verified,
    kendall_tau: report.fitQuality?.kendallTau ?? NaN,
    r2: report.fitQuality?.r2 ?? NaN,
    tokens: Number(report.tokensSpent),
    seconds,
  };
}
