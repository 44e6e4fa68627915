import { pino, type Logger } from 'pino';
import { createErrorSerializer } from './serialize-error.js';
import type { Config } from './config.js';

/**
 * The server's log: JSON lines on standard error, since standard output belongs to the program that started the server.
 */
export function createLog({ logLevel }: Pick<Config, 'logLevel'>): Logger {
  const err = createErrorSerializer((): boolean => log.isLevelEnabled('debug'));
  const log: Logger = pino(
    { name: 'prunecast', level: logLevel, serializers: { err } },
    pino.destination({ dest: 2, sync: true }),
  );
  return log;
}
