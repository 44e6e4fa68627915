import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { EXIT_STATE_IN_USE, StateInUse } from '../state-folder/state-in-use.js';
import { CallError } from './call-error.js';
import { SERVER_MAIN } from './server-main.js';

/**
 * What a server in a child process is given: environment variables, PRUNECAST_* among them, over those of this process.
 */
export interface LocalServerOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** Sees each line of the server's log. */
  readonly onLog?: (line: string) => void;
  /** How long the server may take to listen: on a busy machine that is long. Default 120,000. */
  readonly startTimeoutMs?: number;
}

/** A server of this package that runs as a child process. */
export interface LocalServer {
  readonly address: string;
  /** Of the child process, to watch what it takes. */
  readonly processId: number;
  /** Fires when the process ends, whoever ended it. */
  readonly ended: AbortSignal;
  /**
   * Lets this process end before it, for a server that ends by other means than its standard input. `ended` still fires
   * until then.
   */
  release(): void;
  /** Ends the process: asks first, and after `graceMs` (default 5,000) no longer asks. */
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Starts a server in a child process of its own group, so that Ctrl-C reaches this process alone. It ends with this
 * process.
 *
 * @throws StateInUse if another server uses the state folder, and CallError UNAVAILABLE with the end of the server's log
 * if it did not start to listen
 */
export async function startLocalServer({
  environment = {},
  onLog,
  startTimeoutMs = 120_000,
}: LocalServerOptions = {}): Promise<LocalServer> {
  // The server ends when its standard input does: so it never outlives a parent that was killed.
  const child = spawn(process.execPath, [SERVER_MAIN], {
    env: { ...process.env, PRUNECAST_EXIT_ON_STDIN_END: 'true', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
  });
  const ended = new AbortController();
  child.once('close', () => ended.abort());
  child.once('error', () => ended.abort());
  // Nothing is written to it: that it breaks says only that the process has ended.
  child.stdin.on('error', () => undefined);
  const log = keepLog(child, onLog);
  const address = await readAddress(child, startTimeoutMs, ended.signal).catch(async (error: unknown) => {
    await stop(child, ended.signal, 1_000);
    if (child.exitCode === EXIT_STATE_IN_USE)
      throw new StateInUse(environment['PRUNECAST_STATE_DIRECTORY'] ?? '', log.join('\n'), { cause: error });
    // One that has ended by itself has said why, in better words than those of this process.
    const why =
      child.exitCode === null || log.length === 0 ? [error instanceof Error ? error.message : String(error)] : [];
    throw new CallError(`the server did not start: ${[...why, ...log].join('\n')}`, {
      code: 'UNAVAILABLE',
      cause: error,
    });
  });
  return {
    address,
    processId: child.pid ?? 0,
    ended: ended.signal,
    release: () => {
      child.unref();
      child.stdin.end();
      for (const stream of [child.stdout, child.stderr]) (stream as Socket).unref();
    },
    stop: ({ graceMs = 5_000 } = {}) => stop(child, ended.signal, graceMs),
  };
}

const LOG_LINES_KEPT = 20;

function keepLog(child: ChildProcess, onLog: LocalServerOptions['onLog']): string[] {
  const kept: string[] = [];
  void (async () => {
    for await (const line of splitLines(child.stderr)) {
      kept.push(line);
      if (kept.length > LOG_LINES_KEPT) kept.shift();
      onLog?.(line);
    }
  })();
  return kept;
}

async function readAddress(child: ChildProcess, timeoutMs: number, ended: AbortSignal): Promise<string> {
  const line = await Promise.race([
    firstLine(child),
    waitFor(ended).then(() => Promise.reject(new Error('its process ended'))),
    new Promise<never>((_, reject) =>
      setTimeout(() => reject(new Error(`no answer in ${timeoutMs / 1000} s`)), timeoutMs).unref(),
    ),
  ]);
  const ready: unknown = JSON.parse(line);
  if (typeof ready === 'object' && ready !== null && 'address' in ready && typeof ready.address === 'string')
    return ready.address;
  throw new Error(`its first line of output has no address: ${line}`);
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of splitLines(child.stdout)) {
    child.stdout?.resume();
    return line;
  }
  throw new Error('it wrote nothing to its standard output');
}

async function* splitLines(stream: ChildProcess['stdout']): AsyncGenerator<string, void, undefined> {
  let rest = '';
  for await (const chunk of stream?.setEncoding('utf8').iterator({ destroyOnReturn: false }) ?? []) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function stop(child: ChildProcess, ended: AbortSignal, graceMs: number): Promise<void> {
  if (ended.aborted) return;
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  await waitFor(ended);
  clearTimeout(timer);
}

async function waitFor(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
