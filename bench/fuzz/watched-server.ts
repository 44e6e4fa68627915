import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { createClient, startLocalServer, type PrunecastClient } from '../../src/client/index.js';
import { readWaited } from '../watch-loop.js';
import { LOOP_LOG_VARIABLE, readPauses, type LoopPause } from './loop-log.js';

/** A server in a child process, watched while it is fuzzed. */
export interface WatchedServer {
  readonly client: PrunecastClient;
  /** For bytes that are not messages. */
  readonly rawClient: Client;
  /** Fires when its process ends. */
  readonly ended: AbortSignal;
  /** The last lines of its log. */
  readonly log: readonly string[];
  readonly pauses: () => readonly LoopPause[];
  /** For how long this process and that of the server have waited for a processor; 0 where the system does not tell. */
  readonly waitedMs: () => number;
  /** Resident bytes: the peak since the start, and now. */
  memory(): Promise<{ readonly peakBytes: number; readonly bytes: number }>;
  /** The share of one processor that it used recently, over `ms`. */
  load(ms: number): Promise<number>;
  stop(): Promise<void>;
}

export interface WatchedServerOptions {
  /** Holds state, outputs and the socket. */
  readonly folder: string;
  readonly modelRoots: readonly string[];
  readonly dataRoots: readonly string[];
  readonly memoryBudgetBytes: number;
}

const LOG_LINES = 200;

/** The kernel counts processor time in ticks of a hundredth of a second. */
const TICKS_A_SECOND = 100;

export async function startWatchedServer({
  folder,
  modelRoots,
  dataRoots,
  memoryBudgetBytes,
}: WatchedServerOptions): Promise<WatchedServer> {
  await mkdir(folder, { recursive: true });
  const loopLog = join(folder, 'loop.jsonl');
  const log: string[] = [];
  // Built beside this file; when run from sources, as in tests, under dist.
  const watcher = import.meta.filename.endsWith('.ts')
    ? new URL('../../dist/bench/fuzz/watch-server.js', import.meta.url)
    : pathToFileURL(join(import.meta.dirname, 'watch-server.js'));
  const server = await startLocalServer({
    environment: {
      NODE_OPTIONS: `--import ${watcher.href}`,
      [LOOP_LOG_VARIABLE]: loopLog,
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_OUTPUT_ROOT: join(folder, 'outputs'),
      PRUNECAST_MODEL_ROOTS: [...modelRoots, join(folder, 'outputs')].join(':'),
      PRUNECAST_DATA_ROOTS: dataRoots.join(':'),
      PRUNECAST_MEMORY_BUDGET_BYTES: String(memoryBudgetBytes),
      PRUNECAST_THREADS: '1',
      PRUNECAST_LOG_LEVEL: 'warn',
    },
    onLog: (line) => {
      log.push(line);
      if (log.length > LOG_LINES) log.shift();
    },
  });
  const client = createClient({ address: server.address });
  const rawClient = new Client(server.address, credentials.createInsecure(), { 'grpc.max_receive_message_length': -1 });
  const readTicks = async (): Promise<number> => {
    const fields = (await readFile(`/proc/${server.processId}/stat`, 'utf8')).replace(/^.*\) /, '').split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  return {
    client,
    rawClient,
    ended: server.ended,
    log,
    pauses: () => readPauses(loopLog),
    waitedMs: () => {
      const waited = readWaited() + readWaited(server.processId);
      return Number.isNaN(waited) ? 0 : waited;
    },
    memory: async () => {
      const text = await readFile(`/proc/${server.processId}/status`, 'utf8');
      const read = (name: string): number =>
        1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? NaN);
      return { peakBytes: read('VmHWM'), bytes: read('VmRSS') };
    },
    load: async (ms) => {
      const [before, begin] = [await readTicks(), performance.now()];
      await wait(ms);
      return ((await readTicks()) - before) / TICKS_A_SECOND / ((performance.now() - begin) / 1000);
    },
    stop: async () => {
      client.close();
      rawClient.close();
      await server.stop();
    },
  };
}
