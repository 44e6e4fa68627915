import { fromBinary, toJson, type DescMethod, type JsonObject } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import { vi } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { protoRegistry } from '../../src/cli/proto/proto-json.js';
import { BadRequest, ErrorInfo } from '../../src/gen/google/rpc/error_details.js';
import type { Status } from '../../src/gen/google/rpc/status.js';
import { makeSocket, toServiceError } from '../client/fake-server.js';
import { makeSelfSigned } from '../support/self-signed.js';

/** A request as it came over the wire. */
export interface SentRequest {
  readonly method: string;
  /** Proto JSON with the fields' own names; fields that are not set are absent. */
  readonly request: JsonObject;
}

/** How a command ended that was run in this process. */
export interface RanCommand {
  readonly sent: readonly SentRequest[];
  readonly error: unknown;
}

/** A server that has every method of the API, notes each request, and refuses it. */
export interface FakeApi {
  readonly address: string;
  /** The same server at another address. */
  readonly otherAddress: string;
  /** The same server with TLS. */
  readonly tlsAddress: string;
  /** Runs a command line against this server, nothing printed. `faults` are the fields that the server finds wrong. */
  run(args: readonly string[], faults?: readonly string[]): Promise<RanCommand>;
  close(): void;
}

/** @param keys those of TLS */
export async function startFakeApi(keys = makeSelfSigned()): Promise<FakeApi> {
  const sockets = [makeSocket(), makeSocket()] as const;
  const server = new Server();
  let sent: SentRequest[] = [];
  let refused: readonly string[] = [];
  for (const method of listMethods()) {
    server.register(
      `/${method.parent.typeName}/${method.name}`,
      (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on('data', (bytes: Buffer) => sent.push(readRequest(method, bytes)));
        call.on('end', () => call.emit('error', toServiceError(refuse(refused))));
      },
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      'bidi',
    );
  }
  const bind = (address: string, credentials: ServerCredentials) =>
    new Promise<number>((done, fail) =>
      server.bindAsync(address, credentials, (error, port) => (error === null ? done(port) : fail(error))),
    );
  for (const { address } of sockets) await bind(address, ServerCredentials.createInsecure());
  const pair = { cert_chain: Buffer.from(keys.certificate), private_key: Buffer.from(keys.key) };
  const tlsPort = await bind('127.0.0.1:0', ServerCredentials.createSsl(null, [pair]));
  return {
    address: sockets[0].address,
    otherAddress: sockets[1].address,
    tlsAddress: `localhost:${tlsPort}`,
    async run(args, faults = []) {
      sent = [];
      refused = faults;
      const silenced = [process.stdout, process.stderr].map((stream) =>
        vi.spyOn(stream, 'write').mockImplementation(() => true),
      );
      const error = await createProgram({ printsErrors: false })
        .parseAsync(args, { from: 'user' })
        .then(
          () => undefined,
          (reason: unknown) => reason,
        );
      for (const spy of silenced) spy.mockRestore();
      return { sent, error };
    },
    close() {
      server.forceShutdown();
      for (const socket of sockets) socket.remove();
    },
  };
}

function listMethods(): DescMethod[] {
  return [...protoRegistry()].flatMap((type) => (type.kind === 'service' ? type.methods : []));
}

function readRequest(method: DescMethod, bytes: Buffer): SentRequest {
  const message = fromBinary(method.input, bytes);
  const request = toJson(method.input, message, { registry: protoRegistry(), useProtoFieldName: true }) as JsonObject;
  return { method: method.name, request };
}

function refuse(fields: readonly string[]): Status {
  const violations = fields.map((field) => ({ field, description: `is wrong, see \`${field}\`` }));
  const message = fields.map((field) => `${field}: is wrong`).join('; ');
  return {
    code: 3,
    message,
    details: [
      {
        typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo',
        value: Buffer.from(ErrorInfo.encode({ reason: 'INVALID_REQUEST', domain: 'prunecast', metadata: {} }).finish()),
      },
      {
        typeUrl: 'type.googleapis.com/google.rpc.BadRequest',
        value: Buffer.from(BadRequest.encode(BadRequest.fromPartial({ fieldViolations: violations })).finish()),
      },
    ],
  };
}
