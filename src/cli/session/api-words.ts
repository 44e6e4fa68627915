import { protoRegistry } from '../proto/proto-json.js';

/** The command that calls a method of the API. */
const COMMANDS: Readonly<Record<string, string>> = {
  GetServerInfo: 'doctor --address',
  ListPlugins: 'plugins',
  InspectModel: 'inspect',
  UploadFile: 'uploads add',
  ListUploads: 'uploads list',
  DeleteUpload: 'uploads delete',
  VerifyOutput: 'verify',
  ScoreUnits: 'score',
  PlanPrune: 'prune --dry-run',
  PlanEvaluate: 'evaluate --dry-run',
  PlanSearch: 'search --dry-run',
  SamplePairs: 'pairs sample',
  ExportPairs: 'pairs export',
  ImportPairs: 'pairs import',
  FitPredictor: 'predictors fit',
  GetPredictor: 'predictors get',
  ListPredictors: 'predictors list',
  ExplainPredictor: 'predictors explain',
  DeletePredictor: 'predictors delete',
  ListJobs: 'jobs list',
  GetJob: 'jobs get',
  WatchJob: 'jobs watch',
  CancelJob: 'jobs cancel',
  ResumeJob: 'jobs resume',
  DeleteJob: 'jobs delete',
  ListStudies: 'studies list',
  GetStudy: 'studies get',
  GetStudyReport: 'report',
  DeleteStudy: 'studies delete',
  GetLogLevel: 'log-level',
  SetLogLevel: 'log-level',
};

/** What a request may hold, as flags take it. */
const PHRASES: readonly (readonly [said: RegExp, onCommandLine: string])[] = [
  [/send a path under a data root, inline text,? or token ids/g, 'give a file, or @ and the text itself'],
  [/send token ids instead of text/g, 'take a model with a tokenizer.json'],
];

/**
 * A server's sentence with the methods of the API as commands, `prunecast predictors get` for `GetPredictor`, and with
 * what only a program can send as what flags take. A method without a command is called by `prunecast call`. Names that
 * are English words (`Search`) stay.
 */
export function sayInCommands(sentence: string): string {
  const inPhrases = PHRASES.reduce((text, [said, told]) => text.replaceAll(said, told), sentence);
  return inPhrases.replaceAll(
    /(?<![\w.`/])(`?)(?:(?:prunecast\.v1\.)?\w+Service[./])?([A-Z][a-z]+[A-Z]\w+)\1(?!\w)/g,
    (word, _quote, method: string) => {
      const service = findService(method);
      return service === undefined ? word : `\`prunecast ${COMMANDS[method] ?? `call ${service}.${method}`}\``;
    },
  );
}

function findService(method: string): string | undefined {
  for (const type of protoRegistry())
    if (
      type.kind === 'service' &&
      type.typeName.startsWith('prunecast.v1.') &&
      type.methods.some(({ name }) => name === method)
    )
      return type.name;
  return undefined;
}
