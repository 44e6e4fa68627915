import type { ServerFlags } from '../options/server.js';
import { serverWords } from './next-commands.js';
import { writeCommandLine } from './shell-words.js';

/** The command line that resumes a job: at the same server, or on one that has the same state and plug-ins. */
export function writeResumeCommand(jobId: string, flags: Pick<ServerFlags, 'address' | 'stateDir' | 'plugin'>): string {
  return writeCommandLine(['prunecast', 'jobs', 'resume', jobId, ...serverWords(flags)]);
}
