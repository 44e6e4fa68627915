import { getEnvironmentData, setEnvironmentData } from 'node:worker_threads';

/** A process that offers plug-ins, as every thread of the server needs to know it. */
export interface RemoteTarget {
  /** Where it listens: `unix:/run/knn.sock`, `grpc://host:50061`, or encrypted `grpcs://host:50061`. */
  readonly address: string;
  /** As its operator named it, for lists. */
  readonly specifier: string;
  /** PEM of the authorities that its certificate may come from; undefined for those that Node.js trusts. */
  readonly authorities: string | undefined;
  /** The GetInfoResponse that it gave when the server started, as bytes. */
  readonly info: Uint8Array;
  /** What `createCallSlots` shares among threads; undefined for any number of calls at once. */
  readonly slots: SharedArrayBuffer | undefined;
  readonly limits: RemoteLimits;
}

/** How long and how often the server waits for it. */
export interface RemoteLimits {
  /** Of a call that answers soon: Predict, LoadState, a step of Run. */
  readonly callMs: number;
  /** Of a call that works: Fit, Evaluate, Score. */
  readonly workMs: number;
  /** Until it is reachable. */
  readonly startMs: number;
  /** How often a call is made again after a temporary error. */
  readonly retries: number;
}

/** Makes a process known to this thread, and to all threads that it starts from now on. */
export function shareTarget(target: RemoteTarget): void {
  setEnvironmentData(KEY, { ...readTargets(), [target.address]: target });
}

/** What `shareTarget` was told about an address; throws for one that it was not told about. */
export function findTarget(address: string): RemoteTarget {
  const target = readTargets()[address];
  if (target === undefined) throw new RangeError(`this server has no process of plug-ins at ${address}`);
  return target;
}

const KEY = 'prunecast.remotePlugins';

function readTargets(): Readonly<Record<string, RemoteTarget>> {
  return (getEnvironmentData(KEY) ?? {}) as Readonly<Record<string, RemoteTarget>>;
}
