import type { Command } from 'commander';
import type { Predictor, PredictorFeatures } from '../../client/index.js';
import { ExplainPredictorResponse } from '../../gen/prunecast/v1/predictor.js';
import { Predictor as PredictorMessage } from '../../gen/prunecast/v1/predictor_types.js';
import { FEATURES_FLAG } from '../flags/features.js';
import { addPluginFlags, readPlugin } from '../flags/plugin.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { collect, parseCount, parsePlaces, parseSeed } from '../flags/values.js';
import { formatMetric } from '../output/format.js';
import { createPrinter, type Printer } from '../output/printer.js';
import { useServer } from '../session/use-server.js';
import { watchJob } from '../session/watch-job.js';

type FitFlags = ServerFlags & {
  readonly predictor?: string;
  readonly predictorOption?: readonly (readonly [string, unknown])[];
  readonly features?: PredictorFeatures;
  readonly metric?: readonly string[];
  readonly learningCurve?: boolean;
  readonly unseenPairs?: readonly number[];
  readonly seed?: bigint;
};

/** `prunecast predictors`: the fitted predictors of a server. */
export function addPredictorsCommand(program: Command): void {
  const predictors = program.command('predictors').description('fit, list, explain and delete predictors');
  addServerFlags(predictors.command('list').description('predictors, newest first'))
    .option('--study <ID>', 'only those of this study')
    .action(async (flags: ServerFlags & { readonly study?: string }) => {
      const printer = createPrinter(flags);
      await useServer(flags, {}, async ({ client }) => {
        const listed: Predictor[] = [];
        let pageToken = '';
        do {
          const page = await client.services.predictors.listPredictors({ studyId: flags.study ?? '', pageToken });
          listed.push(...page.predictors);
          pageToken = page.nextPageToken;
        } while (pageToken !== '');
        if (printer.format === 'json') for (const predictor of listed) printPredictor(predictor, printer);
        printer.table(
          ['predictor', 'backend', 'model', 'metrics', 'pairs', 'tau', 'study'],
          listed.map(describePredictor),
        );
      });
    });

  const fit = predictors
    .command('fit <STUDY>')
    .description('fit a predictor to the pairs of a study')
    .option('--metric <NAME>', 'metric of the pairs, again for more (default: perplexity)', collect(String))
    .option('--learning-curve', 'trace how quality grows with the pairs')
    .option(
      '--unseen-pairs <PLACES>',
      'for a predictor that was fitted elsewhere: which pairs it has not seen, counted from 0 in the order of pairs export (84-119, or 3,7,20-30)',
      parsePlaces,
    )
    .option('--seed <SEED>', 'fixes the split and the fit (default: 0)', parseSeed);
  addPluginFlags(fit, 'predictor', 'predicts quality from rates (default: xgboost)').option(...FEATURES_FLAG);
  addServerFlags(fit).action(async (studyId: string, flags: FitFlags) => {
    const printer = createPrinter(flags);
    const predictor = readPlugin(flags.predictor, flags.predictorOption, 'xgboost');
    await useServer(flags, {}, async (session) => {
      const { job } = await session.client.services.predictors.fitPredictor({
        source: { $case: 'studyId', value: studyId },
        ...(predictor !== undefined && { predictor }),
        ...(flags.features !== undefined && { features: flags.features }),
        ...(flags.metric !== undefined && { metrics: [...flags.metric] }),
        ...(flags.learningCurve === true && { learningCurve: true }),
        ...(flags.unseenPairs !== undefined && { unseenPairs: [...flags.unseenPairs] }),
        ...(flags.seed !== undefined && { seed: flags.seed }),
      });
      const result = (
        await watchJob((options) => session.client.followJob(job?.id ?? '', options), {
          session,
          printer,
          onInterrupt: 'cancel-job',
        })
      )?.result;
      if (result?.$case === 'predictor' && printer.format === 'text') printPredictor(result.value, printer);
    });
  });

  addServerFlags(predictors.command('get <PREDICTOR>').description('show one predictor')).action(
    async (predictorId: string, flags: ServerFlags) => {
      const printer = createPrinter(flags);
      await useServer(flags, {}, async ({ client }) => {
        const { predictor } = await client.services.predictors.getPredictor({ predictorId });
        if (predictor !== undefined) printPredictor(predictor, printer);
      });
    },
  );

  addServerFlags(predictors.command('explain <PREDICTOR>').description('what each dimension does to the prediction'))
    .option('--points <COUNT>', 'points of each effect curve', parseCount, 11)
    .action(async (predictorId: string, flags: ServerFlags & { readonly points: number }) => {
      const printer = createPrinter(flags);
      await useServer(flags, {}, async ({ client }) => {
        const message = await client.services.predictors.explainPredictor({ predictorId, points: flags.points });
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
      });
    });

  addServerFlags(predictors.command('delete <PREDICTOR>').description('forget a predictor')).action(
    async (predictorId: string, flags: ServerFlags) => {
      const printer = createPrinter(flags);
      await useServer(flags, {}, async ({ client }) => {
        await client.services.predictors.deletePredictor({ predictorId });
        printer.lines(`deleted predictor ${predictorId}`);
      });
    },
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
      'no quality and no intervals: it was fitted elsewhere, maybe on these pairs; name those that it has not seen (--unseen-pairs)',
    );
  for (const { metric, split, kendallTau, r2 } of predictor.quality)
    printer.lines(`${metric}, ${split}: Kendall tau ${formatMetric(kendallTau)}, R2 ${formatMetric(r2)}`);
  for (const { metric, backend, chosen, quality, notTried } of predictor.scores) {
    const score =
      quality === undefined
        ? `not tried: ${notTried}`
        : `Kendall tau ${formatMetric(quality.kendallTau)}, R2 ${formatMetric(quality.r2)}`;
    printer.lines(`${metric}, ${backend}${chosen ? ' (chosen)' : ''}: ${score}`);
  }
  for (const { metric, pairs, kendallTau, r2 } of predictor.learning)
    printer.lines(`${metric}, ${pairs} pairs: Kendall tau ${formatMetric(kendallTau)}, R2 ${formatMetric(r2)}`);
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
  return [id, backend, model, metrics.join(', '), String(pairs), formatMetric(quality[0]?.kendallTau ?? NaN), studyId];
}
