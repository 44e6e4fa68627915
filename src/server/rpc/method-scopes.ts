import type { Scope } from '../../core/ports/authenticator.js';

/**
 * What a token must be good for to call a method of the API. `read` looks at what there is, `run` computes, stores or
 * stops work, and `admin` deletes what others may need, and changes the server. `none` needs no token.
 */
export const METHOD_SCOPES: Readonly<Record<string, Scope | 'none'>> = {
  // What the API does not have: whoever has a token is told so.
  unknown: 'read',
  ...under('grpc.health.v1.Health', { none: ['Check', 'List', 'Watch'] }),
  ...under('grpc.reflection.v1.ServerReflection', { read: ['ServerReflectionInfo'] }),
  ...under('grpc.reflection.v1alpha.ServerReflection', { read: ['ServerReflectionInfo'] }),
  ...under('prunecast.v1.AdminService', { admin: ['GetLogLevel', 'SetLogLevel'] }),
  ...under('prunecast.v1.CatalogService', { read: ['ListPlugins', 'GetServerInfo'] }),
  ...under('prunecast.v1.FileService', {
    read: ['ListOutputs', 'DownloadOutput', 'ListUploads'],
    run: ['UploadFile', 'VerifyOutput'],
    admin: ['DeleteUpload'],
  }),
  ...under('prunecast.v1.JobService', {
    read: ['GetJob', 'ListJobs', 'WatchJob'],
    run: ['CancelJob', 'ResumeJob'],
    admin: ['DeleteJob'],
  }),
  ...under('prunecast.v1.ModelService', { read: ['ListModels', 'InspectModel'], run: ['ScoreUnits'] }),
  ...under('prunecast.v1.PairService', { read: ['ExportPairs'], run: ['SamplePairs', 'ImportPairs'] }),
  ...under('prunecast.v1.PredictorService', {
    read: ['GetPredictor', 'ListPredictors', 'ExplainPredictor'],
    run: ['FitPredictor', 'ProposeRefinement'],
    admin: ['DeletePredictor'],
  }),
  ...under('prunecast.v1.PruningService', {
    read: ['PlanPrune', 'PlanEvaluate', 'PlanSearch'],
    run: ['Prune', 'Evaluate', 'Predict', 'Search'],
  }),
  ...under('prunecast.v1.StudyService', {
    read: ['GetStudy', 'ListStudies', 'ListTrials', 'GetStudyReport'],
    run: ['QueryStudy'],
    admin: ['DeleteStudy'],
  }),
};

/** The scope of a method; `admin` for one that the table does not have. */
export function scopeOf(method: string): Scope | 'none' {
  return METHOD_SCOPES[method] ?? 'admin';
}

/** Methods that answer a question, and leave nothing behind, although they need more than `read`. */
const QUESTIONS: ReadonlySet<string> = new Set([
  'prunecast.v1.AdminService/GetLogLevel',
  'prunecast.v1.FileService/VerifyOutput',
  'prunecast.v1.ModelService/ScoreUnits',
  'prunecast.v1.PredictorService/ProposeRefinement',
  'prunecast.v1.PruningService/Predict',
]);

/** Whether a method starts, stores, stops or deletes something. */
export function changes(method: string): boolean {
  const scope = scopeOf(method);
  return (scope === 'run' || scope === 'admin') && !QUESTIONS.has(method);
}

/** `run` includes `read`, and `admin` includes both. */
const RANKS: Readonly<Record<Scope | 'none', number>> = { none: 0, read: 1, run: 2, admin: 3 };

/** Whether one of the scopes is enough for what a method needs. */
export function allows(scopes: readonly Scope[], needed: Scope | 'none'): boolean {
  return needed === 'none' || scopes.some((scope) => RANKS[scope] >= RANKS[needed]);
}

function under(
  service: string,
  scopes: Readonly<Partial<Record<Scope | 'none', readonly string[]>>>,
): Record<string, Scope | 'none'> {
  return Object.fromEntries(
    Object.entries(scopes).flatMap(([scope, methods]) =>
      methods.map((method) => [`${service}/${method}`, scope as Scope | 'none']),
    ),
  );
}
