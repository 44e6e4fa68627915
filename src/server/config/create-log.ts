import { pino, type Logger } from 'pino';
import { createErrorSerializer } from './serialize-error.js';
import type { Config } from './config.js';

/**
 * The server's log: JSON lines on standard error, since standard output belongs to the program that started the server.
 */
export function createLog({ logLevel }: Pick<Config, 'logLevel'>): Logger {
  const serializers = { err: createErrorSerializer(logLevel) };
  return pino({ name: 'prunecast', level: logLevel, serializers }, pino.destination({ dest: 2, sync: true }));
}
