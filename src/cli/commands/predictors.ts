import type { Command } from 'commander';
import type { Predictor } from '../../client/index.js';
import {
  DeletePredictorRequest,
  ExplainPredictorRequest,
  ExplainPredictorResponse,
  FitPredictorRequest,
  GetPredictorRequest,
  ListPredictorsRequest,
} from '../../gen/prunecast/v1/predictor.js';
import { Predictor as PredictorMessage } from '../../gen/prunecast/v1/predictor_types.js';
import { jobFlags } from '../../flags/paths.js';
import { predictorFlags } from '../../flags/predictor.js';
import type { RequestFlag } from '../../flags/request-flag.js';
import { addRequestFlags, RequestArgument, type RequestType } from '../options/request-option.js';
import { addServerFlags } from '../options/server.js';
import { showFirst } from '../options/short-help.js';
import { parseCount, parsePlaces, parseSeed } from '../../flags/values.js';
import { formatCorrelation, formatMetric } from '../../words/format.js';
import type { Printer } from '../output/printer.js';
import { callServer } from '../session/call-server.js';
import { watchJob } from '../session/watch-job.js';

const LIST: RequestType<ListPredictorsRequest> = {
  typeName: 'prunecast.v1.ListPredictorsRequest',
  codec: ListPredictorsRequest,
};
const FIT: RequestType<FitPredictorRequest> = {
  typeName: 'prunecast.v1.FitPredictorRequest',
  codec: FitPredictorRequest,
};
const GET: RequestType<GetPredictorRequest> = {
  typeName: 'prunecast.v1.GetPredictorRequest',
  codec: GetPredictorRequest,
};
const EXPLAIN: RequestType<ExplainPredictorRequest> = {
  typeName: 'prunecast.v1.ExplainPredictorRequest',
  codec: ExplainPredictorRequest,
};
const DELETE: RequestType<DeletePredictorRequest> = {
  typeName: 'prunecast.v1.DeletePredictorRequest',
  codec: DeletePredictorRequest,
};

const FIT_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--metric <NAME>',
    summary: 'metric of the pairs to predict',
    field: 'metrics[]',
    repeats: true,
  },
  {
    flags: '--learning-curve',
    summary: 'trace how quality grows with the number of pairs',
    field: 'learning_curve',
  },
  {
    flags: '--unseen-pairs <PLACES>',
    summary:
      'for a predictor that was fitted elsewhere: the pairs that it has not seen, counted from 0 in the order of `pairs export`, such as 84-119 or 3,7,20-30',
    field: 'unseen_pairs',
    parse: parsePlaces,
  },
  { flags: '--seed <SEED>', summary: 'fixes the split and the fit', field: 'seed', parse: parseSeed },
];

/** `prunecast predictors`: the fitted predictors of a server. */
export function addPredictorsCommand(program: Command): void {
  const predictors = program.command('predictors').description('fit, list, explain and delete predictors');
  addList(predictors);
  addFit(predictors);
  addGet(predictors);
  addExplain(predictors);
  addDelete(predictors);
}

function addList(predictors: Command): void {
  const command = predictors.command('list').description('list predictors, newest first');
  addRequestFlags(command, LIST, 'Filter', [
    { flags: '--study <ID>', summary: 'only those of this study', field: 'study_id' },
  ]);
  addServerFlags(command).action(() =>
    callServer(command, LIST, async ({ client, request, printer }) => {
      const listed: Predictor[] = [];
      let pageToken = '';
      do {
        const page = await client.services.predictors.listPredictors({ ...request, pageToken });
        listed.push(...page.predictors);
        pageToken = page.nextPageToken;
      } while (pageToken !== '');
      if (printer.format === 'json') for (const predictor of listed) printPredictor(predictor, printer);
      printer.table(
        [
          'predictor',
          'backend',
          { title: 'model', optional: true },
          'metrics',
          'pairs',
          'tau',
          { title: 'study', optional: true },
        ],
        listed.map(describePredictor),
      );
    }),
  );
}

function addFit(predictors: Command): void {
  const command = predictors
    .command('fit')
    .addArgument(new RequestArgument('<STUDY>', 'study_id'))
    .description('fit a predictor to the pairs of a study');
  addRequestFlags(command, FIT, 'Predictor', [...predictorFlags(), ...FIT_FLAGS]);
  addRequestFlags(command, FIT, 'Job', jobFlags());
  addServerFlags(command);
  showFirst(command, ['--predictor', '--features', '--metric', '--learning-curve']).action(() =>
    callServer(command, FIT, async (call) => {
      const { job } = await call.client.services.predictors.fitPredictor(call.request);
      const ended = await watchJob((options) => call.client.followJob(job?.id ?? '', options), call, {
        onInterrupt: 'cancel-job',
      });
      if (ended?.result?.$case !== 'predictor' || call.printer.format === 'json') return;
      printPredictor(ended.result.value, call.printer);
      call.suggest({ why: 'to see what each dimension does', words: ['predictors', 'explain', ended.result.value.id] });
    }),
  );
}

function addGet(predictors: Command): void {
  const command = predictors
    .command('get')
    .addArgument(new RequestArgument('<PREDICTOR>', 'predictor_id'))
    .description('show one predictor');
  addServerFlags(command).action(() =>
    callServer(command, GET, async ({ client, request, printer }) => {
      const { predictor } = await client.services.predictors.getPredictor(request);
      if (predictor !== undefined) printPredictor(predictor, printer);
    }),
  );
}

function addExplain(predictors: Command): void {
  const command = predictors
    .command('explain')
    .addArgument(new RequestArgument('<PREDICTOR>', 'predictor_id'))
    .description('show what each dimension does to the prediction');
  addRequestFlags(command, EXPLAIN, 'Explanation', [
    { flags: '--points <COUNT>', summary: 'points per effect curve', field: 'points', parse: parseCount },
    { flags: '--metric <NAME>', summary: "one of the predictor's metrics", field: 'metric' },
  ]);
  addServerFlags(command).action(() =>
    callServer(command, EXPLAIN, async ({ client, request, printer }) => {
      const message = await client.services.predictors.explainPredictor(request);
      if (printer.format === 'json')
        printer.message({
          typeName: 'prunecast.v1.ExplainPredictorResponse',
          codec: ExplainPredictorResponse,
          message,
        });
      printer.table(
        ['dimension', 'importance', 'from rate', 'to rate', 'effect, end to end'],
        message.dimensions.map(({ dimension, permutationImportance, rates, effect }) => [
          dimension,
          formatMetric(permutationImportance),
          formatMetric(rates[0] ?? NaN),
          formatMetric(rates.at(-1) ?? NaN),
          formatMetric((effect.at(-1) ?? NaN) - (effect[0] ?? NaN)),
        ]),
      );
    }),
  );
}

function addDelete(predictors: Command): void {
  const command = predictors
    .command('delete')
    .addArgument(new RequestArgument('<PREDICTOR>', 'predictor_id'))
    .description('delete a predictor');
  addServerFlags(command).action(() =>
    callServer(command, DELETE, async ({ client, request, printer }) => {
      await client.services.predictors.deletePredictor(request);
      printer.lines(`deleted predictor ${request.predictorId}`);
    }),
  );
}

function printPredictor(predictor: Predictor, printer: Printer): void {
  if (printer.format === 'json')
    return printer.message({ typeName: 'prunecast.v1.Predictor', codec: PredictorMessage, message: predictor });
  printer.lines(
    `predictor ${predictor.id}: ${predictor.backend} of ${predictor.metrics.join(', ')}, ${predictor.pairs} pairs`,
    `model ${predictor.model}`,
  );
  if (predictor.studyId !== '') printer.lines(`study ${predictor.studyId}`);
  if (predictor.quality.length === 0)
    printer.lines(
      'quality unknown and no intervals: it was fitted elsewhere, maybe on these pairs; name those that it has not seen with --unseen-pairs',
    );
  for (const { metric, split, kendallTau, r2 } of predictor.quality)
    printer.lines(`${metric}, ${split}: Kendall tau ${formatCorrelation(kendallTau)}, R2 ${formatCorrelation(r2)}`);
  for (const { metric, backend, chosen, quality, notTried } of predictor.scores) {
    const score =
      quality === undefined
        ? `not tried: ${notTried}`
        : `Kendall tau ${formatCorrelation(quality.kendallTau)}, R2 ${formatCorrelation(quality.r2)}`;
    printer.lines(`${metric}, ${backend}${chosen ? ' (chosen)' : ''}: ${score}`);
  }
  for (const { metric, pairs, kendallTau, r2 } of predictor.learning)
    printer.lines(
      `${metric}, ${pairs} pairs: Kendall tau ${formatCorrelation(kendallTau)}, R2 ${formatCorrelation(r2)}`,
    );
  printer.table(
    ['dimension', 'least rate', 'most rate'],
    predictor.dimensions.map((name, index) => [
      name,
      formatMetric(predictor.minRates[index] ?? NaN),
      formatMetric(predictor.maxRates[index] ?? NaN),
    ]),
  );
}

function describePredictor({ id, backend, model, metrics, pairs, quality, studyId }: Predictor): string[] {
  return [
    id,
    backend,
    model,
    metrics.join(', '),
    String(pairs),
    formatCorrelation(quality[0]?.kendallTau ?? NaN),
    studyId,
  ];
}
