import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { REASONS } from '../../core/errors/reasons.js';
import { loadConfig } from '../config/config.js';
import { backUpState } from './back-up-state.js';
import { checkStoredState } from './check-stored-state.js';
import { EXPORTED, exportState, type Exported } from './export-state.js';
import { pruneState } from './prune-state.js';
import { requireStore } from './require-store.js';

/*
 * What `prunecast state` does, as a process of its own: the command line has no database. The argument has the task as
 * JSON; the state folder is that of a server (PRUNECAST_STATE_DIRECTORY). Prints lines of JSON, on standard error one
 * with what it failed with.
 */

type Task =
  | { readonly task: 'backup'; readonly target: string }
  | { readonly task: 'check' }
  | { readonly task: 'export'; readonly kinds?: readonly Exported[] }
  | {
      readonly task: 'prune';
      readonly olderThanMs?: number;
      readonly keepBytes?: number;
      readonly labelsOfStudies: 'keep' | 'prune';
      readonly mode: 'dry' | 'remove';
    };

// Whoever reads may stop reading: that is no fault.
process.stdout.on('error', () => process.exit(0));
try {
  const { stateDirectory } = loadConfig(process.env);
  for await (const line of work(stateDirectory, JSON.parse(process.argv[2] ?? '') as Task))
    if (!process.stdout.write(`${JSON.stringify(line)}\n`))
      await new Promise<void>((resolve) => {
        process.stdout.once('drain', resolve);
      });
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const details =
    error instanceof PrunecastError
      ? { reason: error.reason, code: REASONS[error.reason].code, metadata: error.metadata }
      : {};
  process.stderr.write(`${JSON.stringify({ message, ...details })}\n`);
  process.exitCode = 1;
}

async function* work(stateDirectory: string, task: Task): AsyncGenerator<object, void, undefined> {
  switch (task.task) {
    case 'backup':
      yield await backUpState(stateDirectory, task.target);
      return;
    case 'check':
      yield* checkStoredState(stateDirectory);
      return;
    case 'export':
      yield* exportState(await requireStore(stateDirectory), task.kinds ?? EXPORTED);
      return;
    case 'prune': {
      const { olderThanMs, keepBytes, labelsOfStudies, mode } = task;
      const beforeMs = olderThanMs === undefined ? undefined : Date.now() - olderThanMs;
      yield await pruneState(stateDirectory, { beforeMs, keepBytes, labelsOfStudies }, mode);
    }
  }
}
