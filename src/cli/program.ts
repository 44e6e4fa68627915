import { Command } from 'commander';
import { addCallCommand } from './commands/call.js';
import { addEvaluateCommand } from './commands/evaluate.js';
import { addInspectCommand } from './commands/inspect.js';
import { addJobsCommand } from './commands/jobs.js';
import { addPairsCommand } from './commands/pairs.js';
import { addPluginsCommand } from './commands/plugins.js';
import { addPredictCommand } from './commands/predict.js';
import { addPredictorsCommand } from './commands/predictors.js';
import { addPruneCommand } from './commands/prune.js';
import { addScoreCommand } from './commands/score.js';
import { addSearchCommand } from './commands/search.js';
import { addServeCommand } from './commands/serve.js';
import { readVersion } from './package-root.js';

/** The whole command line. Usage errors are thrown as CommanderError. */
export function createProgram(): Command {
  const program = new Command('prunecast')
    .description('finds the best way to prune a large language model, led by an accuracy predictor')
    .version(readVersion())
    .showHelpAfterError('(add --help for the options)')
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed or cancelled, 2 wrong usage. Ctrl-C cancels the job of a call, a second one leaves at once.',
    )
    .exitOverride();
  addServeCommand(program);
  addInspectCommand(program);
  addScoreCommand(program);
  addPruneCommand(program);
  addEvaluateCommand(program);
  addPredictCommand(program);
  addSearchCommand(program);
  addPairsCommand(program);
  addPredictorsCommand(program);
  addJobsCommand(program);
  addPluginsCommand(program);
  addCallCommand(program);
  return program;
}
