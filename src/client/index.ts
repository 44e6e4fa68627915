/** The TypeScript client of Prunecast, and servers of this machine to use it with. */
export * from './remote.js';
export { startLocalServer, type LocalServer, type LocalServerOptions } from './start-local-server.js';
