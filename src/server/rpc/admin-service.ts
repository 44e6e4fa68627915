import { AdminServiceService, LogLevel as Level, type LogState } from '../../gen/prunecast/v1/admin.js';
import type { Config } from '../config/config.js';
import type { LogLevel } from '../config/log-level.js';
import { toTimestamp } from '../encoding/timestamp.js';
import { defineService, type RpcService } from './rpc-service.js';

const LEVELS: Readonly<Record<string, Level>> = {
  silent: Level.SILENT,
  fatal: Level.FATAL,
  error: Level.ERROR,
  warn: Level.WARN,
  info: Level.INFO,
  debug: Level.DEBUG,
  trace: Level.TRACE,
} satisfies Record<Config['logLevel'], Level>;

/** `AdminService`: what operators ask of a server that runs. */
export function createAdminService(logLevel: LogLevel): RpcService {
  return defineService(AdminServiceService, {
    getLogLevel: () => ({ log: describe(logLevel) }),
    setLogLevel: ({ level, seconds }, { caller, peer }) => {
      const asked = Object.keys(LEVELS).find((name) => LEVELS[name] === level);
      logLevel.set(asked ?? logLevel.configured, { caller, peer, ...(seconds > 0 && { forMs: seconds * 1000 }) });
      return { log: describe(logLevel) };
    },
  });
}

function describe({ current, configured, fallBackMs }: LogLevel): LogState {
  return {
    level: encodeLevel(current),
    configuredLevel: encodeLevel(configured),
    fallBackTime: fallBackMs === undefined ? undefined : toTimestamp(fallBackMs),
  };
}

/** The log of an embedding program may have levels of its own. */
function encodeLevel(name: string): Level {
  return LEVELS[name] ?? Level.UNSPECIFIED;
}
