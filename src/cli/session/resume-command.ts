import { CallError } from '../../client/index.js';
import { serverWords } from './next-commands.js';
import { writeCommandLine } from './shell-words.js';

type At = Parameters<typeof serverWords>[0];

/** The command line that resumes a job: at the same server, or on one that has the same state and plug-ins. */
export function writeResumeCommand(jobId: string, flags: At): string {
  return writeJobCommand('resume', jobId, flags);
}

/** The command line that watches a job, at the same server. */
export function writeWatchCommand(jobId: string, flags: At): string {
  return writeJobCommand('watch', jobId, flags);
}

function writeJobCommand(action: 'resume' | 'watch', jobId: string, flags: At): string {
  return writeCommandLine(['prunecast', 'jobs', action, jobId, ...serverWords(flags)]);
}

/**
 * Why the server of a command cannot resume a job, with what to do if the job is that of a `serve`: names that were
 * relative to its roots, and its plug-ins, mean nothing to another server.
 */
export function adviseResume(error: unknown): unknown {
  if (!(error instanceof CallError) || !isOfAnotherServer(error)) return error;
  const { code, reason, metadata, violations, retryAfterMs } = error;
  return new CallError(
    `${error.message}. If a \`prunecast serve\` had this job, only one with the same roots and plug-ins can resume it: start that again, with the same --state-dir, and it does so by itself`,
    { code, reason, metadata, violations, retryAfterMs, cause: error },
  );
}

function isOfAnotherServer({ reason, violations }: CallError): boolean {
  return MISSING.has(reason) || (reason === 'INVALID_REQUEST' && violations.some(({ field }) => field === 'output'));
}

const MISSING: ReadonlySet<string> = new Set([
  'MODEL_NOT_FOUND',
  'TEXT_NOT_FOUND',
  'OUTPUT_NOT_FOUND',
  'PATH_OUTSIDE_ROOTS',
  'PLUGIN_NOT_FOUND',
]);
