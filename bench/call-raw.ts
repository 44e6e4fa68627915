import { Client, credentials, status, type ServiceError } from '@grpc/grpc-js';

/** Calls as bytes, with as little work of the caller as there can be: what is timed is to be the server's. */
export interface RawCaller {
  /** The code that the call ended with, `OK` among them. Never rejects. */
  call(path: string, request: Buffer, options?: { readonly timeoutMs?: number }): Promise<string>;
  /** The answer of a call that must not fail. */
  ask(path: string, request: Buffer): Promise<Buffer>;
  close(): void;
}

const identity = (bytes: Buffer) => bytes;

export function createRawCaller(address: string): RawCaller {
  const client = new Client(address, credentials.createInsecure());
  const send = (
    path: string,
    request: Buffer,
    deadline: number,
    done: (error: ServiceError | null, bytes?: Buffer) => void,
  ) => client.makeUnaryRequest(path, identity, identity, request, { deadline }, done);
  return {
    call: (path, request, { timeoutMs = 30_000 } = {}) =>
      new Promise((resolve) => {
        send(path, request, Date.now() + timeoutMs, (error) =>
          resolve(error ? (status[error.code] ?? 'UNKNOWN') : 'OK'),
        );
      }),
    ask: (path, request) =>
      new Promise((resolve, reject) => {
        send(path, request, Date.now() + 30_000, (error, bytes) =>
          bytes === undefined ? reject(error ?? new Error('no answer')) : resolve(bytes),
        );
      }),
    close: () => client.close(),
  };
}
