import { basename, join } from 'node:path';
import { LIMITS } from './fuzz-run.js';
import { listMethods } from './list-methods.js';
import type { FuzzResult } from './fuzz-result.js';
import { findChanges, listContents, makeRoots } from './outside.js';
import { runCheckpoints } from './run-checkpoints.js';
import { runRequests } from './run-requests.js';
import { seedServer } from './seed-requests.js';
import { createTally, type Tally } from './tally.js';
import { startWatchedServer, type WatchedServer } from './watched-server.js';

export interface FuzzOptions {
  /** For the state and the outputs of the server, and for the checkpoints. */
  readonly folder: string;
  /** The folder of a small model with a tokenizer and a text. */
  readonly demo: string;
  readonly requests: number;
  readonly checkpoints: number;
  readonly seed: number;
  /** How many of each an earlier run with this seed has sent: this one goes on after them. 0 by default. */
  readonly after?: { readonly requests: number; readonly checkpoints: number };
  /** Origins of faults, such as `request/17`: only these are run. Empty for everything. */
  readonly only?: readonly string[];
  readonly onProgress?: (activity: string, done: number, total: number) => void;
}

export interface FuzzReport {
  /** The number of calls. */
  readonly calls: number;
  readonly faults: number;
  readonly text: string;
  readonly result: FuzzResult;
}

/** Starts a server, sends it mutated requests and damaged checkpoints, and reports what it did wrong. */
export async function fuzzServer({
  folder,
  demo,
  requests,
  checkpoints,
  seed,
  after = { requests: 0, checkpoints: 0 },
  only = [],
  onProgress = () => undefined,
}: FuzzOptions): Promise<FuzzReport> {
  const tally = createTally();
  const { models, outside } = await makeRoots(folder, demo, basename(demo));
  const watched = [models, outside];
  const before = await Promise.all(watched.map(listContents));
  const server = await startWatchedServer({
    folder: join(folder, 'server'),
    modelRoots: [models],
    dataRoots: [models],
    memoryBudgetBytes: LIMITS.memoryBudgetBytes,
  });
  const begin = performance.now();
  try {
    const seeds = await seedServer(server.client, basename(demo));
    const track = (activity: string, total: number): (() => void) => {
      let done = 0;
      return () => onProgress(activity, ++done, total);
    };
    const turnsOf = (kind: string, count: number, sent: number): readonly number[] =>
      only.length === 0
        ? Array.from({ length: count }, (_, turn) => sent + turn)
        : only.filter((origin) => origin.startsWith(`${kind}/`)).map((origin) => Number(origin.slice(kind.length + 1)));
    const requestTurns = turnsOf('request', requests, after.requests);
    await runRequests({
      server,
      tally,
      seeds,
      methods: listMethods(),
      seed,
      turns: requestTurns,
      onDone: track('sending requests', requestTurns.length),
    });
    const checkpointTurns = turnsOf('checkpoint', checkpoints, after.checkpoints);
    await runCheckpoints({
      server,
      tally,
      demo,
      models,
      seed,
      turns: checkpointTurns,
      onDone: track('damaging checkpoints', checkpointTurns.length),
    });
    for (const [index, place] of watched.entries())
      for (const path of findChanges(before[index] ?? new Map(), await listContents(place)))
        tally.fault({ kind: 'wrote outside of its roots', text: join(basename(place), path), origin: 'the run' });
    const measured = await judgeServer(server, tally);
    const seconds = Math.round((performance.now() - begin) / 1000);
    return {
      calls: tally.calls,
      faults: tally.faults.length,
      text: [
        tally.format(),
        '',
        `${requestTurns.length} requests, ${checkpointTurns.length} checkpoints, seed ${seed}, ${seconds} s`,
        ...measured.lines,
      ].join('\n'),
      result: {
        requests: requestTurns.length,
        checkpoints: checkpointTurns.length,
        seed,
        seconds,
        ...measured.result,
        ...tally.toJson(),
      },
    };
  } finally {
    await server.stop();
  }
}

/** The most processor time of an idle server. */
const IDLE_LOAD = 0.2;

/** Time for cancelled work to end. */
const SETTLE_MS = 3000;

interface Measured {
  readonly lines: readonly string[];
  readonly result: Pick<FuzzResult, 'longest_pause_ms' | 'peak_resident_bytes' | 'resident_bytes'>;
}

/** Checks the server after the whole run: it lives, is idle, stayed within its memory, and never paused for long. */
async function judgeServer(server: WatchedServer, tally: Tally): Promise<Measured> {
  const fault = (kind: string, text: string): void => tally.fault({ kind, text, origin: 'the run' });
  if (server.ended.aborted) {
    fault('crash', `the server's process ended: ${server.log.slice(-5).join(' ')}`);
    return { lines: [], result: { longest_pause_ms: 0, peak_resident_bytes: 0, resident_bytes: 0 } };
  }
  await server.load(SETTLE_MS);
  const load = await server.load(1000);
  if (load > IDLE_LOAD)
    fault(
      'not idle',
      `${Math.round(100 * load)} % of a processor with nothing to do, ${SETTLE_MS} ms after the last call`,
    );
  const { peakBytes, bytes } = await server.memory();
  const allowed = LIMITS.memoryBudgetBytes + LIMITS.besideBudgetBytes;
  if (peakBytes > allowed)
    fault('memory', `${formatMegabytes(peakBytes)} resident at most, allowed are ${formatMegabytes(allowed)}`);
  const pauses = server.pauses().toSorted((a, b) => b.pauseMs - a.pauseMs);
  for (const { pauseMs, endMs } of pauses.filter((pause) => pause.pauseMs > LIMITS.pauseMs)) {
    const during = tally.underWay(endMs - pauseMs, endMs).map(({ origin, method }) => `${origin} ${method}`);
    fault('event loop paused', `${Math.round(pauseMs)} ms, during ${during.join(', ')}`);
  }
  const longest = Math.round(pauses[0]?.pauseMs ?? 0);
  return {
    lines: [
      `event loop: ${longest === 0 ? 'no pause over 50 ms' : `longest pause ${longest} ms`}`,
      `memory: ${formatMegabytes(peakBytes)} resident at most, ${formatMegabytes(bytes)} in the end; budget ${formatMegabytes(LIMITS.memoryBudgetBytes)}`,
      `load when idle: ${Math.round(100 * load)} %`,
    ],
    result: { longest_pause_ms: longest, peak_resident_bytes: peakBytes, resident_bytes: bytes },
  };
}

function formatMegabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
