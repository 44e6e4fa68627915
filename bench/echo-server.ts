import { Server, ServerCredentials } from '@grpc/grpc-js';

/*
 * A gRPC server that does nothing: it answers each call of /echo.Echo/Call with as many bytes as its argument says. What
 * grpc-js itself takes of the time of a call. Prints its address, and ends with its standard input.
 */
const answer = Buffer.alloc(Number(process.argv[2] ?? 0));
const server = new Server();
const identity = (bytes: Buffer) => bytes;
server.addService(
  {
    call: {
      path: '/echo.Echo/Call',
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    },
  },
  { call: (_: unknown, reply: (error: null, bytes: Buffer) => void) => reply(null, answer) },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.stdout.write(`${JSON.stringify({ address: `127.0.0.1:${port}` })}\n`);
});
process.stdin.on('end', () => process.exit(0)).resume();
