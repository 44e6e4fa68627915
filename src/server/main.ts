import { exitNow, whenNoRun } from '../engine/workers/exit-gate.js';
import { loadConfig } from './config/config.js';
import { createLog } from './config/create-log.js';
import { startServer } from './start-server.js';

/** How long after the grace period of a stop the process ends, whatever still runs in it. */
const CLOSING_MS = 1000;

/**
 * The server as a process. Settings come from PRUNECAST_* variables. When it listens, it prints its addresses to
 * standard output as one line of JSON; the log goes to standard error. SIGTERM and SIGINT stop it, as does the end of
 * standard input if PRUNECAST_EXIT_ON_STDIN_END is `true` (for a parent that may be killed). A second signal ends it at
 * once. What has not ended `CLOSING_MS` after the configured grace period is cut off.
 */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const log = createLog(config);
  const server = await startServer(config, { log });
  let isStopping = false;
  const stop = (cause: string): void => {
    if (isStopping) exitNow(1);
    isStopping = true;
    log.info({ cause }, 'asked to stop');
    setTimeout(() => {
      log.fatal('not stopped in time: the process ends with work in it');
      exitNow(1);
    }, config.shutdownGraceMs + CLOSING_MS);
    server
      .stop()
      .then(whenNoRun)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.fatal({ err: error }, 'not stopped cleanly');
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (process.env['PRUNECAST_EXIT_ON_STDIN_END'] === 'true')
    process.stdin.on('end', () => stop('end of standard input')).resume();
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  const { address, addresses, dashboard } = server;
  process.stdout.write(`${JSON.stringify({ address, addresses, dashboard })}\n`);
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
