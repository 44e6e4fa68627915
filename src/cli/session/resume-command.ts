import type { ServerFlags } from '../flags/server.js';
import { serverWords } from './next-commands.js';
import type { GivenPaths } from './places.js';
import { writeCommandLine } from './shell-words.js';

/**
 * The command line that resumes a job: at the same running server, or on a server that has the same state, plug-ins
 * and, by the same paths, roots. Quoted for a POSIX shell.
 */
export function writeResumeCommand(
  jobId: string,
  flags: Pick<ServerFlags, 'address' | 'stateDir' | 'plugin'>,
  { model, texts = [], output, earlierOutputs = [] }: GivenPaths,
): string {
  const paths = [
    ...(model === undefined ? [] : ['--model', model]),
    ...texts.flatMap((text) => (text.startsWith('@') ? [] : ['--text', text])),
    ...(output === undefined ? [] : ['--output', output]),
    ...earlierOutputs.flatMap((path) => ['--earlier-output', path]),
  ];
  return writeCommandLine([
    'prunecast',
    'jobs',
    'resume',
    jobId,
    ...serverWords(flags),
    ...(flags.address === undefined ? paths : []),
  ]);
}
