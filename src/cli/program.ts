import { Command, Help, type Option } from 'commander';
import { addCallCommand } from './commands/call.js';
import { addCompletionCommands } from './commands/completion.js';
import { addConfigCommand } from './commands/config.js';
import { addDemoCommand } from './commands/demo.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addEvaluateCommand } from './commands/evaluate.js';
import { addHealthCommand } from './commands/health.js';
import { addInspectCommand } from './commands/inspect.js';
import { addJobsCommand } from './commands/jobs.js';
import { addLogLevelCommand } from './commands/log-level.js';
import { addModelsCommand } from './commands/models.js';
import { addOutputsCommand } from './commands/outputs.js';
import { addPairsCommand } from './commands/pairs.js';
import { addPluginCommand } from './commands/plugin.js';
import { addPluginsCommand } from './commands/plugins.js';
import { addPredictCommand } from './commands/predict.js';
import { addPredictorsCommand } from './commands/predictors.js';
import { addPruneCommand } from './commands/prune.js';
import { addReportCommand } from './commands/report.js';
import { addScoreCommand } from './commands/score.js';
import { addSearchCommand } from './commands/search.js';
import { addServeCommand } from './commands/serve.js';
import { addTokenCommand } from './commands/token.js';
import { addStateCommand } from './commands/state.js';
import { addStudiesCommand } from './commands/studies.js';
import { addUploadsCommand } from './commands/uploads.js';
import { addVerifyCommand } from './commands/verify.js';
import { defaultOf } from './options/default-of.js';
import { requireFlags, RequestOption } from './options/request-option.js';
import { writeHelp } from './options/short-help.js';
import { colorsFor, type Colors } from './output/color.js';
import { widthOf, wrapLines } from './output/wrap-lines.js';
import { readVersion } from './proto/package-root.js';

/**
 * The whole command line. Usage errors are thrown as CommanderError, after commander has printed them for people unless
 * `printsErrors` is false.
 */
export function createProgram({
  printsErrors = true,
  colors = colorsFor({}, { color: false }),
}: {
  readonly printsErrors?: boolean;
  readonly colors?: Pick<Colors, 'bold' | 'red'>;
} = {}): Command {
  const program = new Command('prunecast')
    .description('find the best way to prune a large language model, with the help of an accuracy predictor')
    .version(readVersion())
    .configureHelp({ ...writeHelp(describeOption), styleTitle: colors.bold })
    .configureOutput({
      outputError: (text, write) => {
        const lines = wrapLines([text], widthOf(process.stderr)).join('\n');
        if (printsErrors) write(lines.replace(/^error:/, (word) => colors.red(word)));
      },
    })
    .showHelpAfterError(printsErrors && '(add --help for the flags)')
    .addHelpText('after', () =>
      wrapLines(['', ...AFTER_HELP], widthOf({ isTTY: true, columns: process.stdout.columns })).join('\n'),
    )
    .exitOverride()
    .hook('preAction', (_, command) => requireFlags(command));
  program.commandsGroup('First steps:');
  addDemoCommand(program);
  program.commandsGroup('Models:');
  addModelsCommand(program);
  addInspectCommand(program);
  addScoreCommand(program);
  addPruneCommand(program);
  addEvaluateCommand(program);
  addOutputsCommand(program);
  addVerifyCommand(program);
  program.commandsGroup('Search:');
  addSearchCommand(program);
  addReportCommand(program);
  addStudiesCommand(program);
  addPairsCommand(program);
  addPredictorsCommand(program);
  addPredictCommand(program);
  program.commandsGroup('Server:');
  addServeCommand(program);
  addHealthCommand(program);
  addLogLevelCommand(program);
  addConfigCommand(program);
  addTokenCommand(program);
  addJobsCommand(program);
  addUploadsCommand(program);
  addPluginsCommand(program);
  addPluginCommand(program);
  addCallCommand(program);
  addStateCommand(program);
  addDoctorCommand(program);
  program.commandsGroup('Other:');
  addCompletionCommands(program);
  return program;
}

/** What the help says in the end; as the rest of the help it fits 80 columns where there is no terminal. */
const AFTER_HELP = [
  'Flags that every command has, such as --quiet or --state-dir, may also stand before it.',
  'Exit codes: 0 done, 1 failed or cancelled, 2 wrong usage. Ctrl-C cancels the job of a call; a second Ctrl-C leaves at once.',
] as const;

/** A flag's meaning, with what the server does without it. */
function describeOption(option: Option): string {
  const description = new Help().optionDescription(option);
  const value = defaultOf(option);
  if (value !== undefined) return `${description} (default: ${value})`;
  return option instanceof RequestOption && option.flag.required === true ? `${description} (required)` : description;
}
