import { once } from 'node:events';
import { status, type ClientReadableStream, type Metadata, type StatusObject } from '@grpc/grpc-js';

/** Reads a stream to its end; the trailers that it ended with. Rejects with what it failed with. */
export async function collectTrailers(stream: ClientReadableStream<unknown>): Promise<Metadata> {
  const ended = once(stream, 'status');
  stream.resume();
  const [{ code, metadata }] = (await ended) as [StatusObject];
  if (code !== status.OK) throw new Error(`ended with ${code}`);
  return metadata;
}
