import { startServer } from '../../src/server/start-server.js';
import { startTestServer, type TestServer, type TestServerOptions } from './test-server.js';

/** A server that runs from the sources: for tests that bind parts of it, whose tokens are theirs. */
export function startSourceServer(options: TestServerOptions = {}): Promise<TestServer> {
  return startTestServer({ ...options, startServer });
}
