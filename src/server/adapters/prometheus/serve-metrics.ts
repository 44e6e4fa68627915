import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';

/** Where metrics are scraped. */
export interface MetricsListener {
  /** `http://127.0.0.1:9464/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

/** The one path that there is. */
const PATH = '/metrics';

/** Scrapers are few; what holds more connections is none. */
const MOST_CONNECTIONS = 32;

/** A connection on which nothing moves for so long is closed. */
const IDLE_MS = 30_000;

/**
 * Serves metrics in the text format of Prometheus, over plain HTTP: GET /metrics and nothing else. Rejects with the
 * error of the system if it cannot listen.
 *
 * @param address `host:port`; port 0 for any free one
 */
export async function serveMetrics(registry: Registry, address: string): Promise<MetricsListener> {
  const server = createServer((request, response) => {
    answer(registry, request, response).catch((error: unknown) => {
      refuse(response, 500, `the metrics cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    });
  });
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  const split = address.lastIndexOf(':');
  const host = address.slice(0, split);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port: Number(address.slice(split + 1)) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}${PATH}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(registry: Registry, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? '').split('?', 1);
  if (path !== PATH) return refuse(response, 404, `there is nothing but GET ${PATH}`);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return refuse(response, 405, `only GET ${PATH} is answered`);
  }
  const text = Buffer.from(await registry.metrics());
  response.writeHead(200, { 'content-type': registry.contentType, 'content-length': text.length });
  response.end(request.method === 'HEAD' ? undefined : text);
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`${message}\n`);
}
