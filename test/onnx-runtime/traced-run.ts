import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** A process that was started with an empty home and an empty temporary folder, and what it left and did. */
export interface TracedRun {
  /** Contains `home`, `tmp`, and whatever the process is told to write; the process's working folder. */
  readonly folder: string;
  readonly child: ChildProcess;
  /** Resolves when standard output or standard error has this text; rejects if the process ends before. */
  says(text: string): Promise<string>;
  /** Resolves with the exit code, after a signal if one is given. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
  /** Files and folders under `home` and `tmp`. */
  leftovers(): string[];
  /**
   * System calls of the process, its threads and its children that created a file outside `folder`, or contacted
   * anything but loopback.
   */
  strays(): string[];
}

/** Whether system calls can be listed here. */
export const hasStrace = canTrace();

/** Why `strays` cannot be checked. */
export const traceSkipReason = 'needs strace, and the right to use it';

const WATCHED = 'trace=socket,bind,connect,openat,open,creat,mkdir,mkdirat';

/** Starts a module of the build. Its environment is `environment` and the PATH of this process, nothing else. */
export function startTraced(
  module: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): TracedRun {
  const folder = mkdtempSync(join(tmpdir(), 'prunecast-traced-'));
  for (const name of ['home', 'tmp']) mkdirSync(join(folder, name));
  const traceFile = join(folder, 'trace');
  const command = [process.execPath, resolve(import.meta.dirname, '../../dist', module), ...args];
  const [program = '', ...rest] = hasStrace
    ? ['strace', '-f', '--seccomp-bpf', '-s', '300', '-o', traceFile, '-e', WATCHED, ...command]
    : command;
  const child = spawn(program, rest, {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: join(folder, 'home'), TMPDIR: join(folder, 'tmp'), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // a signal reaches what strace runs through its process group
  });
  let output = '';
  const closed = once(child, 'close') as Promise<[number | null]>;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void (output += text));
  return {
    folder,
    child,
    says: (text) =>
      new Promise((found, reject) => {
        const look = () => output.includes(text) && found(output);
        for (const stream of [child.stdout, child.stderr]) stream.on('data', look);
        void closed.then(() => reject(new Error(`ended without saying "${text}":\n${output}`)));
        look();
      }),
    end: async (signal) => {
      if (signal !== undefined && child.pid !== undefined) process.kill(-child.pid, signal);
      const [code] = await closed;
      if (signal === undefined && code !== 0) throw new Error(output);
      return code;
    },
    leftovers: () =>
      ['home', 'tmp'].flatMap((name) =>
        readdirSync(join(folder, name), { recursive: true, encoding: 'utf8' }).map((path) => join(name, path)),
      ),
    strays: () =>
      readFileSync(traceFile, 'utf8')
        .split('\n')
        .filter((line) => isStray(line, folder)),
  };
}

/** Whether a line of a trace shows a file created elsewhere, or an address that is not loopback. */
export function isStray(line: string, folder: string): boolean {
  if (/\b(?:bind|connect)\(.*AF_INET/.test(line))
    return !/inet_addr\("127\.\d+\.\d+\.\d+"\)|inet_pton\(AF_INET6, "::1"/.test(line);
  if (/\bsocket\(AF_INET6?, SOCK_(?:DGRAM|RAW)/.test(line)) return true;
  const made = /\b(?:creat|mkdir|mkdirat|open|openat)\((?:AT_FDCWD, )?"([^"]*)"(?:, (\S*))?.*= \d+$/.exec(line);
  if (made === null || (/\bopen/.test(line) && !/O_CREAT/.test(made[2] ?? ''))) return false;
  return !resolve(folder, made[1] ?? '').startsWith(`${folder}/`);
}

function canTrace(): boolean {
  try {
    execFileSync(
      'strace',
      ['-f', '--seccomp-bpf', '-e', 'trace=socket', '-o', '/dev/null', process.execPath, '-e', '0'],
      { stdio: 'ignore' },
    );
    return true;
  } catch {
    return false;
  }
}
