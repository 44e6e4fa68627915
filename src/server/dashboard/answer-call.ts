import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ApiCalls } from '../rpc/api-calls.js';
import { readSequence, sendEvent } from './event-stream.js';
import { describeStatus, sendStatus } from './http-error.js';
import type { Match } from './routes.js';
import { DOCUMENT_POLICY } from './security-headers.js';

/** The most bytes of a body: edited ranges of a study's dimensions. */
const MOST_BODY_BYTES = 256 * 1024;

/** Answers one call of the API: its request is the query, the path and the body together. */
export async function answerCall(
  calls: ApiCalls,
  { route, fields }: Match,
  { request, query, response }: { request: IncomingMessage; query: URLSearchParams; response: ServerResponse },
): Promise<void> {
  const left = new AbortController();
  response.once('close', () => left.abort(new PrunecastError('CANCELLED', 'the browser has gone')));
  const after = request.headers['last-event-id'];
  const asked: JsonObject = {
    ...(route.verb === 'POST' ? await readBody(request) : {}),
    ...Object.fromEntries(query),
    ...fields,
    ...route.fixed,
    ...(route.answer === 'events' && after !== undefined ? { after_sequence: String(after) } : {}),
  };
  const { socket, headers } = request;
  const end = await calls.run({
    method: route.method,
    request: asked,
    caller: {
      peer: `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`,
      certificate: socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined,
      header: (name) => [headers[name.toLowerCase()] ?? []].flat(),
      left: left.signal,
    },
    send: (answer: JsonValue) => {
      if (route.answer === 'events')
        return sendEvent(response, { id: readSequence(answer), value: answer }, left.signal);
      return route.answer === 'page' ? sendPage(response, answer) : sendJson(response, answer);
    },
  });
  if (left.signal.aborted || response.writableEnded) return;
  if (end === undefined) response.end();
  else if (!response.headersSent) sendStatus(response, end);
  else {
    await sendEvent(response, { name: 'error', value: describeStatus(end) }, left.signal);
    response.end();
  }
}

function sendJson(response: ServerResponse, answer: JsonValue): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  response.end(`${JSON.stringify(answer)}\n`);
}

function sendPage(response: ServerResponse, answer: JsonValue): void {
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': DOCUMENT_POLICY,
  });
  response.end((answer as { document?: string }).document ?? '');
}

/** The body as a JSON object; empty for none. Throws REQUEST_TOO_LARGE and INVALID_REQUEST. */
async function readBody(request: IncomingMessage): Promise<JsonObject> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MOST_BODY_BYTES)
      throw new PrunecastError('REQUEST_TOO_LARGE', `the body has more than ${MOST_BODY_BYTES} bytes: send less`, {
        metadata: { most: String(MOST_BODY_BYTES) },
      });
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  const body = parse(Buffer.concat(chunks).toString('utf8'));
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new PrunecastError('INVALID_REQUEST', 'the body is not a JSON object: send {} or none');
  return body;
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
