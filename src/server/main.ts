import { constants } from 'node:os';
import { exitNow, whenNoRun } from '../engine/workers/exit-gate.js';
import type { Attendance } from '../state-folder/attendance.js';
import { findSockets } from '../state-folder/socket-paths.js';
import { EXIT_STATE_IN_USE, StateInUse } from '../state-folder/state-in-use.js';
import { explainConfig } from './config/config.js';
import { CANCEL_GRACE_MS } from './config/limits.js';
import { startTracing } from './adapters/opentelemetry/start-tracing.js';
import { createLog } from './config/create-log.js';
import { VERSION } from './config/version.js';
import { loadCommandConfig } from './config/load-command-config.js';
import { describeStateInUse, greetCommands, greetUsers } from './greet-users.js';
import { startServer } from './start-server.js';

/** How long after the grace period of a stop the process ends, whatever still runs in it. */
const CLOSING_MS = 1000;

/** How long the last spans may take to reach their collector, whatever is left of the grace period. */
const FLUSH_MS = 500;

/**
 * The server as a process. Settings come from PRUNECAST_* variables and the file that PRUNECAST_CONFIG names. When it listens, it prints its addresses to
 * standard output as one line of JSON; the log goes to standard error. SIGTERM and SIGINT stop it, as does the end of
 * standard input if PRUNECAST_EXIT_ON_STDIN_END is `true` (for a parent that passes a signal on, or is killed). A second
 * signal ends it at once, as if nobody handled it. What has not ended `CLOSING_MS` after the configured grace period, and the time that cancelled
 * work has to end, is cut off.
 *
 * Programs of its user find it by a socket in the state folder. If PRUNECAST_STARTED_BY_COMMAND is `true` it listens for
 * these alone, whatever the variables say, and stops when the last has left; whoever holds its standard input open
 * counts.
 *
 * Exits with EXIT_STATE_IN_USE if another server uses the state folder.
 */
async function main(): Promise<void> {
  const isOfCommand = process.env['PRUNECAST_STARTED_BY_COMMAND'] === 'true';
  const { config, warnings } = isOfCommand
    ? { config: loadCommandConfig(process.env), warnings: [] }
    : explainConfig(process.env);
  const log = createLog(config);
  for (const warning of warnings) log.warn({ warning }, 'not a setting, and ignored');
  const tracing = await startTracing(process.env, VERSION, log);
  const server = await startServer(config, {
    log,
    ...(!isOfCommand && { privateSocket: findSockets(config.stateDirectory).calls }),
  });
  let attendance: Attendance | undefined;
  let isStopping = false;
  const stop = (cause: string): void => {
    if (isStopping) return;
    isStopping = true;
    log.info({ cause }, 'asked to stop');
    const sinceMs = performance.now();
    attendance?.close();
    setTimeout(
      () => {
        log.fatal('not stopped in time: the process ends with work in it');
        exitNow(1);
      },
      config.shutdownGraceMs + CANCEL_GRACE_MS + CLOSING_MS,
    );
    server
      .stop()
      .then(() => tracing?.close(Math.max(FLUSH_MS, config.shutdownGraceMs - (performance.now() - sinceMs))))
      .then(whenNoRun)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          log.fatal({ err: error }, 'not stopped cleanly');
          process.exit(1);
        },
      );
  };
  let signals = 0;
  const obey = (signal: NodeJS.Signals): void => {
    signals += 1;
    if (signals > 1) endBy(signal);
    stop(signal);
  };
  process.on('SIGTERM', obey);
  process.on('SIGINT', obey);
  process.on('unhandledRejection', (error) => log.error({ err: error }, 'unhandled rejection'));
  if (isOfCommand)
    attendance = await greetCommands({ address: server.address, config, log }, () => stop('nobody attends'));
  else if (server.privateAddress !== undefined)
    attendance = await greetUsers({ address: server.privateAddress, config, log });
  if (process.env['PRUNECAST_EXIT_ON_STDIN_END'] === 'true')
    process.stdin.on('end', () => stop('what started the server has ended, or asks for it')).resume();
  const { address, addresses, dashboard, metrics } = server;
  process.stdout.write(`${JSON.stringify({ address, addresses, dashboard, metrics })}\n`);
}

/** Ends the process at once, as the signal does where nobody handles it: a shell tells 143 or 130 of it. */
function endBy(signal: NodeJS.Signals): never {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  // The first process of a container gets no signal that it does not handle.
  return exitNow(128 + constants.signals[signal]);
}

main().catch(async (error: unknown) => {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${error instanceof StateInUse ? await describeStateInUse(error) : message}\n`);
  process.exit(error instanceof StateInUse ? EXIT_STATE_IN_USE : 1);
});
