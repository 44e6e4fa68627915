import { quoteWord } from '../flags/quote-word.js';
import { DEFAULT_STATE_DIR, type ServerFlags } from '../flags/server.js';
import type { GivenPaths } from './places.js';

/**
 * The command line that resumes a job: at the same running server, or on a server that has the same state, plug-ins
 * and, by the same paths, roots. Quoted for a POSIX shell.
 */
export function writeResumeCommand(
  jobId: string,
  { address, stateDir, plugin = [] }: Pick<ServerFlags, 'address' | 'stateDir' | 'plugin'>,
  { model, texts = [], output, earlierOutputs = [] }: GivenPaths,
): string {
  const server =
    address === undefined
      ? [
          ...(stateDir === DEFAULT_STATE_DIR ? [] : ['--state-dir', stateDir]),
          ...plugin.flatMap((specifier) => ['--plugin', specifier]),
          ...(model === undefined ? [] : ['--model', model]),
          ...texts.flatMap((text) => (text.startsWith('@') ? [] : ['--text', text])),
          ...(output === undefined ? [] : ['--output', output]),
          ...earlierOutputs.flatMap((path) => ['--earlier-output', path]),
        ]
      : ['--address', address];
  return ['prunecast', 'jobs', 'resume', jobId, ...server].map(quoteWord).join(' ');
}
