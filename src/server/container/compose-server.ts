import type { JobRunner } from '../jobs/create-jobs.js';
import type { JobEvents } from '../jobs/job-events.js';
import type { RpcService } from '../rpc/rpc-service.js';
import type { OutputFolders } from '../../core/ports/outputs.js';
import type { PairSetRecords } from '../records/pair-set-records.js';
import { createContainer, type Foundations } from './create-container.js';
import { TOKENS } from './tokens.js';

/** A composed server, as far as starting and stopping it needs its parts. */
export interface ServerParts {
  readonly jobs: JobRunner;
  readonly jobEvents: JobEvents;
  readonly outputs: OutputFolders;
  readonly pairSets: PairSetRecords;
  readonly services: readonly RpcService[];
  readonly closings: readonly (() => Promise<void>)[];
}

/** Composes a server from its foundations. */
export function composeServer(foundations: Foundations): ServerParts {
  const container = createContainer(foundations);
  return {
    jobs: container.get(TOKENS.jobs),
    jobEvents: container.get(TOKENS.jobEvents),
    outputs: container.get(TOKENS.outputs),
    pairSets: container.get(TOKENS.pairSetRecords),
    services: container.getAll(TOKENS.rpcService),
    closings: container.getAll(TOKENS.closing, { optional: true }),
  };
}
