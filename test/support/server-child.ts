import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

/** A server in a process of its own, which can be killed. */
export interface ServerChild {
  readonly address: string;
  readonly processId: number;
  /** Sends a signal; after SIGKILL waits until the process is gone. */
  signal(signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void>;
  /**
   * Asks it to stop as a service manager does, or asks a second time; its exit code, or the signal that ended it.
   */
  stop(): Promise<number | string>;
}

const MODELS_ROOT = resolve(import.meta.dirname, '../../models');

/** Starts the built server in a folder, with the demo model under its model roots. */
export async function startServerChild(
  folder: string,
  {
    stateDirectory = join(folder, 'state'),
    environment = {},
  }: { readonly stateDirectory?: string; readonly environment?: Readonly<Record<string, string>> } = {},
): Promise<ServerChild> {
  const child = spawn(process.execPath, [resolve(import.meta.dirname, '../../dist/src/server/main.js')], {
    env: {
      PATH: process.env['PATH'],
      PRUNECAST_STATE_DIRECTORY: stateDirectory,
      PRUNECAST_OUTPUT_ROOT: join(folder, 'outputs'),
      PRUNECAST_MODEL_ROOTS: MODELS_ROOT,
      PRUNECAST_DATA_ROOTS: MODELS_ROOT,
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_THREADS: '1',
      PRUNECAST_LOG_LEVEL: 'silent',
      // It ends with the process that runs the tests, however that ends.
      PRUNECAST_EXIT_ON_STDIN_END: 'true',
      ...environment,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close') as Promise<[number | null, string | null]>;
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return {
    address: (JSON.parse(line) as { readonly address: string }).address,
    processId: child.pid ?? 0,
    signal: async (signal) => {
      child.kill(signal);
      if (signal === 'SIGKILL') await closed;
    },
    stop: async () => {
      child.kill('SIGTERM');
      const [code, signal] = await closed;
      return code ?? signal ?? '';
    },
  };
}
