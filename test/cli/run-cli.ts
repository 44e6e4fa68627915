import { spawn, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';

const main = resolve(import.meta.dirname, '../../dist/src/cli/main.js');

/** How a command ended. */
export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface RunningCli {
  readonly child: ChildProcess;
  readonly result: Promise<CliResult>;
  /** Resolves when standard error has this text. */
  readonly says: (text: string) => Promise<void>;
}

/** Starts the built command line as a child process. */
export function startCli(
  args: readonly string[],
  {
    input = '',
    cwd,
    environment = {},
    ownGroup = false,
  }: {
    readonly input?: string;
    readonly cwd?: string;
    readonly environment?: Readonly<Record<string, string>>;
    /** Whether the command leads a process group, which a signal can be sent to as a terminal does. */
    readonly ownGroup?: boolean;
  } = {},
): RunningCli {
  const child = spawn(process.execPath, [main, ...args], {
    env: { ...process.env, ...environment },
    ...(cwd !== undefined && { cwd }),
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: ownGroup,
  });
  const written = { stdout: '', stderr: '' };
  const watchers = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => {
      written[name] += chunk;
      for (const watch of watchers) watch();
    });
  }
  child.stdin.end(input);
  return {
    child,
    result: new Promise((done) => child.on('close', (code) => done({ code, ...written }))),
    says: (text) =>
      new Promise((done) => {
        const watch = () => {
          if (!written.stderr.includes(text)) return;
          watchers.delete(watch);
          done();
        };
        watchers.add(watch);
        watch();
      }),
  };
}

/** Runs the built command line to its end. */
export function runCli(args: readonly string[], options: Parameters<typeof startCli>[1] = {}): Promise<CliResult> {
  return startCli(args, options).result;
}

/** The JSON values of lines. */
export function readJsonLines(text: string): unknown[] {
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}
