import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { startLocalServer } from '../../src/client/index.js';

/**
 * Starts a server for `use` only, which ends with it.
 *
 * @param spec.model a folder whose neighbours the server may read too, as those of `text`
 * @param spec.keepState keeps the state there; undefined for a temporary folder
 */
export async function withOwnServer(
  { model, text, keepState }: { readonly model: string; readonly text: string; readonly keepState: string | undefined },
  use: (address: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-bench-'));
  try {
    const server = await startLocalServer({
      environment: {
        PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
        PRUNECAST_STATE_DIRECTORY: keepState === undefined ? join(folder, 'state') : resolve(keepState),
        PRUNECAST_MODEL_ROOTS: JSON.stringify([dirname(model), folder]),
        PRUNECAST_DATA_ROOTS: dirname(text),
        PRUNECAST_OUTPUT_ROOT: folder,
      },
    });
    try {
      await use(server.address);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
