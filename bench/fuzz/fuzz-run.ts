import { status } from '@grpc/grpc-js';
import { fromBinary } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { callMethod, type CallOutcome } from './call-method.js';
import { judgeCall, readReason } from './judge-call.js';
import type { ApiMethod } from './list-methods.js';
import type { Tally } from './tally.js';
import type { WatchedServer } from './watched-server.js';

/** The limits of the server in a run, and what it may take of the machine. */
export interface FuzzLimits {
  readonly memoryBudgetBytes: number;
  /** The memory that the server may take besides its budget: runtimes, their code, and what is not counted. */
  readonly besideBudgetBytes: number;
  readonly pauseMs: number;
}

export const LIMITS: FuzzLimits = { memoryBudgetBytes: 512 * 2 ** 20, besideBudgetBytes: 700 * 2 ** 20, pauseMs: 250 };

/** Does the work of `count` turns, several at a time; `work` gets the number of the turn. */
export async function runTurns(
  turns: readonly number[],
  width: number,
  work: (turn: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (next < turns.length) await work(turns[next++] as number);
    }),
  );
}

export interface JudgedCall {
  readonly method: ApiMethod;
  readonly requests: readonly Uint8Array[];
  readonly origin: string;
  readonly deadlineMs: number;
}

/** Makes a call, reports to the tally how it ended, and ends the job that it started. */
export async function judgeOneCall(
  server: WatchedServer,
  tally: Tally,
  { method, requests, origin, deadlineMs }: JudgedCall,
): Promise<CallOutcome> {
  const beginMs = Date.now();
  const outcome = await callMethod(server.rawClient, method, requests, {
    deadlineMs,
    readWaitedMs: server.waitedMs,
  });
  tally.span({ origin, method: method.name, beginMs, endMs: Date.now() });
  const reason = readReason(outcome.details);
  tally.count(method.name, outcome.code === status.OK ? 'OK' : (status[outcome.code] ?? String(outcome.code)));
  if (server.ended.aborted) return outcome; // reported as a crash
  for (const fault of judgeCall(outcome, method))
    tally.fault({ ...fault, text: `${reason ?? ''} ${fault.text} ${explain(server, outcome)}`.trim(), origin });
  const jobId = findJobId(outcome, method);
  if (jobId !== undefined) await endJob(server, tally, jobId, origin);
  return outcome;
}

/** A cancel is promised to end a job within two seconds. */
const CANCEL_MS = 2000;

/** A shared machine may take this much longer. */
const CANCEL_SLACK_MS = 2000;

async function endJob(server: WatchedServer, tally: Tally, jobId: string, origin: string): Promise<void> {
  const begin = performance.now();
  try {
    await server.client.services.jobs.cancelJob({ jobId }, { timeoutMs: CANCEL_MS + CANCEL_SLACK_MS + 10_000 });
    const tookMs = performance.now() - begin;
    if (tookMs > CANCEL_MS + CANCEL_SLACK_MS)
      tally.fault({ kind: 'cancel: late', text: `a cancel took ${Math.round(tookMs)} ms`, origin });
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (!text.includes('JOB_NOT_FOUND') && !/no job/i.test(text) && !server.ended.aborted)
      tally.fault({ kind: 'cancel: failed', text, origin });
  }
}

/** The id of the job that a call started: from its first event, or from the Job in the answer. */
function findJobId({ answers: [first] }: CallOutcome, { output, name }: ApiMethod): string | undefined {
  if (first === undefined || name.startsWith('JobService.')) return undefined;
  return search(reflect(output, fromBinary(output, first)));
}

function search(message: ReflectMessage): string | undefined {
  const wanted = { 'prunecast.v1.JobEvent': 'job_id', 'prunecast.v1.Job': 'id' }[message.desc.typeName];
  for (const field of message.desc.fields) {
    if (!message.isSet(field)) continue;
    if (field.name === wanted) return String(message.get(field));
    if (field.fieldKind === 'message' && (field.message.name === 'JobEvent' || field.message.name === 'Job'))
      return search(message.get(field));
  }
  return undefined;
}

/** The cause of an internal error, from the server's log. */
function explain(server: WatchedServer, { code, message }: CallOutcome): string {
  if (code !== status.INTERNAL) return '';
  const id = /[0-9a-f]{8}[0-9a-f-]*/.exec(message)?.[0];
  const line = server.log.toReversed().find((other) => id !== undefined && other.includes(id));
  if (line === undefined) return '';
  try {
    const { err } = JSON.parse(line) as { readonly err?: { readonly stack?: string } };
    return (err?.stack ?? line).split('\n').slice(0, 4).join(' ');
  } catch {
    return line.slice(0, 400);
  }
}
