import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** A TCP proxy whose connections can be broken, as a network does. */
export interface CuttableProxy extends AsyncDisposable {
  readonly address: string;
  /** How many connections were taken so far. */
  readonly connections: () => number;
  /** Breaks the connections that there are; later ones are taken. */
  cut(): void;
  /** Breaks them once so many more bytes have come from the server. */
  cutAfter(bytes: number): void;
  /** Passes nothing more on over the connections that there are, and keeps them: nobody is told that the network is gone. */
  silence(): void;
}

/** Listens on a port of this machine, and passes all on to `host:port`. */
export async function startCuttableProxy(target: string): Promise<CuttableProxy> {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(target) ?? [];
  const open = new Set<Socket>();
  let connections = 0;
  let bytesLeft = Infinity;
  const server = createServer((caller) => {
    connections += 1;
    const callee = connect(Number(port), host);
    callee.on('data', ({ length }: Buffer) => {
      bytesLeft -= length;
      if (bytesLeft > 0) return;
      bytesLeft = Infinity;
      cut();
    });
    for (const [from, to] of [
      [caller, callee],
      [callee, caller],
    ] as const) {
      open.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        open.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    for (const socket of open) socket.destroy();
  };
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    cut,
    cutAfter: (bytes) => {
      bytesLeft = bytes;
    },
    silence: () => {
      for (const socket of open) socket.unpipe().pause();
    },
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
      await once(server, 'close');
    },
  };
}
