import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { JsonValue } from '@bufbuild/protobuf';
import { orAborted } from '../../core/or-aborted.js';

/**
 * Writes one server-sent event, and waits until the connection takes more: a browser that does not read holds the next
 * event back. Rejects with the signal's reason once the browser has gone.
 *
 * @param id of stored events, which a browser names in `Last-Event-ID` when it connects again; left out for others
 */
export async function sendEvent(
  response: ServerResponse,
  { id, name, value }: { readonly id?: string | undefined; readonly name?: string; readonly value: unknown },
  left: AbortSignal,
): Promise<void> {
  left.throwIfAborted();
  if (!response.headersSent)
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' });
  const lines = [
    ...(id === undefined ? [] : [`id: ${id}`]),
    ...(name === undefined ? [] : [`event: ${name}`]),
    `data: ${JSON.stringify(value)}`,
  ];
  if (!response.write(`${lines.join('\n')}\n\n`)) await orAborted(once(response, 'drain'), left);
}

/** The sequence of a job's event in an answer of WatchJob; `undefined` in a heartbeat, which has none. */
export function readSequence(answer: JsonValue): string | undefined {
  const event = (answer as { event?: { sequence?: string } }).event;
  return event?.sequence === undefined || event.sequence === '0' ? undefined : event.sequence;
}
