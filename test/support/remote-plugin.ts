import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const SERVER = resolve(import.meta.dirname, '../fixtures/remote/plugin-server.mjs');

/** What the plug-ins of `test/fixtures/remote/plugin-server.mjs` do wrong, or otherwise than they do; its source tells all. */
export type Faults = Readonly<Record<string, unknown>>;

/** The specifier that launches them. */
export function launchSpecifier(faults: Faults = {}): string {
  return `exec:FAULTS='${JSON.stringify(faults)}' exec ${process.execPath} ${SERVER}`;
}

/** A process of them that runs already. */
export interface AttachablePlugin extends AsyncDisposable {
  readonly address: string;
  kill(): Promise<void>;
}

/**
 * Starts them as somebody else would, to be attached.
 *
 * @param address where they listen: `unix:/path`, or `127.0.0.1:0` for any free port
 */
export async function startRemotePlugin(
  address: string,
  {
    faults = {},
    tls,
  }: { readonly faults?: Faults; readonly tls?: { readonly key: string; readonly certificate: string } } = {},
): Promise<AttachablePlugin> {
  const child = spawn(process.execPath, [SERVER, address], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      FAULTS: JSON.stringify(faults),
      ...(tls && { TLS_KEY: tls.key, TLS_CERTIFICATE: tls.certificate }),
    },
  });
  const closed = once(child, 'close');
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  return { address: line.replace(/^prunecast-plugin\/\d+ /, ''), kill, [Symbol.asyncDispose]: kill };
}

/** A folder's socket as an address. */
export function socketIn(folder: string, name = 'plugin.sock'): string {
  return `unix:${join(folder, name)}`;
}
