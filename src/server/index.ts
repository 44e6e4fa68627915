/** The package's `./server` entry: a server inside another program. */
export { loadConfig, type Config, type ConfigOptions } from './config/config.js';
export { startServer, type RunningServer, type ServerAdditions } from './start-server.js';
export type { PluginEntry } from '../core/ports/plugin-entry.js';
