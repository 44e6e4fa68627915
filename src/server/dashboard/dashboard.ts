import {
  createServer as createPlainServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Config } from '../config/config.js';
import { describeRefusal } from '../config/describe-refusal.js';
import { isLocal } from '../config/is-local.js';
import { encodeStatus } from '../errors/encode-status.js';
import type { ApiCalls } from '../rpc/api-calls.js';
import type { Certificates } from '../tls/certificates.js';
import { answerCall } from './answer-call.js';
import { guardHost, guardSite } from './guard-request.js';
import { sendStatus } from './http-error.js';
import type { PageFiles } from './page-files.js';
import { matchRoute } from './routes.js';
import { PAGE_POLICY, SECURITY_HEADERS } from './security-headers.js';

/** A dashboard that listens. */
export interface Dashboard {
  /** What to open in a browser: `http://127.0.0.1:8080/`. */
  readonly url: string;
  /** Takes no new requests, and waits until those under way have ended; what is left after `graceMs` is cut off. */
  close(graceMs: number): Promise<void>;
}

export interface DashboardSettings {
  readonly calls: ApiCalls;
  readonly page: PageFiles;
  readonly log: Logger;
  readonly config: Pick<Config, 'dashboardHosts'>;
  /** Undefined without TLS. */
  readonly certificates: Certificates | undefined;
}

/** A connection on which nothing moves for so long is closed; job streams have a heartbeat every ten seconds. */
const IDLE_MS = 60_000;

/** Each open page holds one stream, and browsers open at most six connections. */
const MOST_CONNECTIONS = 256;

/** Serves the dashboard at `host:port`. It holds no state: all it shows are answers of the API. */
export async function startDashboard(address: string, settings: DashboardSettings): Promise<Dashboard> {
  const { log, config, certificates } = settings;
  const split = address.lastIndexOf(':');
  const host = address.slice(0, split);
  // On loopback only for the names that certificates of clients give.
  const tls = isLocal(address) && certificates?.requiresClients !== true ? undefined : certificates;
  const open = new Set<ServerResponse>();
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    open.add(response);
    response.once('close', () => open.delete(response));
    answer(request, response, settings).catch((error: unknown) => {
      if (response.destroyed || response.writableEnded) return;
      if (response.headersSent) response.destroy();
      else sendStatus(response, encodeStatus(error, log));
    });
  };
  const server = tls === undefined ? createPlainServer(respond) : serveTls(tls, respond);
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  const port = await listen(server, { address, host, port: Number(address.slice(split + 1)) });
  server.on('error', (error) => log.warn({ err: error }, 'the dashboard did not take a connection'));
  const name = isLocal(address) ? host : (config.dashboardHosts[0] ?? host);
  return {
    url: `${tls === undefined ? 'http' : 'https'}://${name}:${port}/`,
    close: async (graceMs) => {
      const closed = new Promise((resolve) => server.close(resolve));
      const answered = [...open].map((response) => new Promise((resolve) => response.once('close', resolve)));
      const late = new AbortController();
      const grace = sleep(graceMs, undefined, { signal: late.signal }).catch(() => undefined);
      await Promise.race([Promise.all(answered), grace]);
      late.abort();
      // Browsers keep connections on which they have asked nothing yet.
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  { calls, page, config }: DashboardSettings,
): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  const verb = request.method ?? '';
  guardHost(request.headers, config.dashboardHosts);
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const match = matchRoute(verb, path);
  if (match !== undefined) {
    guardSite(verb, request.headers);
    return answerCall(calls, match, { request, response, query: new URLSearchParams(query) });
  }
  const file = verb === 'GET' ? page.get(path) : undefined;
  if (file === undefined)
    throw new PrunecastError('PAGE_NOT_FOUND', `the dashboard has nothing at ${verb} ${path}: it begins at /`);
  response.setHeader('content-security-policy', PAGE_POLICY);
  response.writeHead(200, { 'content-type': file.type, 'content-length': file.bytes.length });
  response.end(file.bytes);
}

function serveTls(certificates: Certificates, respond: RequestListener): Server {
  const { current, requiresClients } = certificates;
  const server = createTlsServer({ ...current, requestCert: requiresClients, rejectUnauthorized: true }, respond);
  server.once(
    'close',
    certificates.onChange((keys) => server.setSecureContext(keys)),
  );
  return server;
}

const DASHBOARD = { flag: '--dashboard', variable: 'PRUNECAST_DASHBOARD', example: '127.0.0.1:0' } as const;

/** Returns the port that it listens on. */
function listen(
  server: Server,
  { address, host, port }: { readonly address: string; readonly host: string; readonly port: number },
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`the dashboard ${describeRefusal(address, error, DASHBOARD)}`, { cause: error })),
    );
    server.listen({ host: host.replace(/^\[|\]$/g, ''), port }, () => resolve((server.address() as AddressInfo).port));
  });
}
