import { pino, type Logger } from 'pino';
import type { Config } from './config.js';

/**
 * The server's log: JSON lines on standard error, since standard output belongs to the program that started the server.
 */
export function createLog({ logLevel }: Pick<Config, 'logLevel'>): Logger {
  return pino({ name: 'prunecast', level: logLevel }, pino.destination({ dest: 2, sync: true }));
}
