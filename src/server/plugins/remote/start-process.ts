import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { PROTOCOL_VERSION } from '../../../remote-plugins/info.js';
import { splitLines } from './split-lines.js';

/** A command of plug-ins, and what it is started with. */
export interface ProcessCommand {
  /** As a shell reads it. */
  readonly command: string;
  /** Its working folder. */
  readonly folder: string;
  /** Where it should listen. */
  readonly address: string;
  /** Until it says where it listens. */
  readonly limitMs: number;
  /** Gets each line that it writes, but for the handshake. */
  readonly log: (line: string) => void;
}

/** A process of plug-ins that has said where it listens. */
export interface PluginProcess {
  readonly processId: number;
  readonly address: string;
  /** Resolves when it has ended, with what it ended with: `code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** Ends it with all that it has started: asks first, and forces it after `graceMs`. */
  end(graceMs: number): Promise<void>;
}

/** How long a process may take to end by itself. */
export const END_GRACE_MS = 5000;

/** The last lines of a process that did not come up, for the error. */
const SHOWN_LINES = 5;
const SHOWN_LENGTH = 300;

/**
 * Starts a process and waits for its handshake. Its standard input stays open as long as this process lives.
 *
 * @throws Error with what it wrote last if it ends before, is of another version of the protocol, or takes too long
 */
export async function startPluginProcess(options: ProcessCommand): Promise<PluginProcess> {
  const { command, folder, address, limitMs, log } = options;
  const child = spawn(command, {
    shell: true,
    cwd: folder,
    detached: process.platform !== 'win32', // a group of its own, which can be ended as a whole
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PRUNECAST_PLUGIN_PROTOCOL: String(PROTOCOL_VERSION),
      PRUNECAST_PLUGIN_ADDRESS: address,
    },
  });
  child.stdin.on('error', () => undefined); // it may have ended
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) => resolve(signal ?? `code ${code}`));
  });
  const last: string[] = [];
  const hear = (line: string): void => {
    last.push(line);
    if (last.length > SHOWN_LINES) last.shift();
    log(line);
  };
  let isOpen = false;
  const handshake = new Promise<Handshake>((resolve, reject) => {
    splitLines(child.stdout, (line) => {
      const found = isOpen ? undefined : parseHandshake(line);
      if (found === undefined) return hear(line);
      isOpen = true;
      if (typeof found === 'object') return resolve(found);
      hear(line);
      reject(new Error(found));
    });
  });
  splitLines(child.stderr, hear);
  const end = async (graceMs: number): Promise<void> => {
    child.stdin.end();
    signalGroup(child, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), graceMs);
    await ended;
    clearTimeout(timer);
    signalGroup(child, 'SIGKILL'); // what it has left behind in its group
  };
  const timeout = new AbortController();
  try {
    const found = await Promise.race([
      handshake,
      ended.then((how) => Promise.reject(new Error(`it ended with ${how} before it listened`))),
      late(limitMs, timeout.signal),
    ]);
    if (found.version !== PROTOCOL_VERSION) throw new Error(describeProtocol(found.version));
    return { processId: child.pid ?? 0, address: found.address, ended, end };
  } catch (error) {
    await end(0);
    const words = error instanceof Error ? error.message : String(error);
    const shown = last.map((line) => (line.length > SHOWN_LENGTH ? `${line.slice(0, SHOWN_LENGTH)}...` : line));
    throw new Error(shown.length === 0 ? words : `${words}; it wrote last: ${shown.join(' | ')}`, { cause: error });
  } finally {
    timeout.abort();
  }
}

interface Handshake {
  readonly version: number;
  readonly address: string;
}

/**
 * `prunecast-plugin/1 unix:/path/plugin.sock`; undefined for any other line, and what is wrong for one that is meant to be
 * the handshake.
 */
function parseHandshake(line: string): Handshake | string | undefined {
  const text = line.trim();
  if (!/^prunecast-plugin\b/i.test(text)) return undefined;
  const [, version, address = ''] = /^prunecast-plugin\/(\d{1,9}) (\S+)$/.exec(text) ?? [];
  if (/^unix:\/./.test(address)) return { version: Number(version), address };
  if (/^[^/\s]+:\d{1,5}$/.test(address) && !address.startsWith('unix:'))
    return { version: Number(version), address: `grpc://${address}` };
  return `its handshake is wrong: ${JSON.stringify(text.slice(0, SHOWN_LENGTH))}. Let it write ${EXPECTED}`;
}

const EXPECTED = `the line \`prunecast-plugin/${PROTOCOL_VERSION} ADDRESS\`, where ADDRESS is unix:/absolute/path or host:port`;

/** A process of another version of the protocol. */
export function describeProtocol(version: number): string {
  return `it speaks protocol ${version}, and this server ${PROTOCOL_VERSION}: use a version of the plug-in, or of Prunecast, for the same protocol`;
}

async function late(limitMs: number, signal: AbortSignal): Promise<never> {
  await pause(limitMs, undefined, { signal });
  throw new Error(
    `it did not say within ${limitMs / 1000} s where it listens: as soon as it does, let it write ${EXPECTED}; pluginStartMs (--plugin-start-ms) gives it more time`,
  );
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (child.pid === undefined) return;
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // nothing is left of the group
  }
}
