import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Greeting } from './greeting.js';
import { listenPrivately } from './listen-privately.js';

/** Who attends a server: each holds a connection to a socket, which the system closes however its process ends. */
export interface Attendance {
  /** Counts one who attends without a connection. Returns what ends that. */
  count(): () => void;
  /** Greets nobody any more. Open connections end with the process, so that who waits for its end sees it. */
  close(): void;
}

/**
 * Greets everyone who connects to a socket, which only this user can. One who leaves ends his side of the connection;
 * it is closed at once if others still attend, and else with the process if `onUnattended` ends that.
 *
 * @param onUnattended called each time the last one has left
 * @throws Error if the socket cannot be made
 */
export async function openAttendance(path: string, greeting: Greeting, onUnattended?: () => void): Promise<Attendance> {
  const attending = new Set<object>();
  const left = (who: object): void => {
    if (attending.delete(who) && attending.size === 0) onUnattended?.();
  };
  const server = createServer({ allowHalfOpen: true }, (socket: Socket) => {
    attending.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('end', () => {
      if (attending.size > 1 || onUnattended === undefined) socket.end();
      left(socket);
    });
    socket.on('close', () => left(socket));
    socket.resume().write(`${JSON.stringify(greeting)}\n`);
  });
  await listenPrivately(path, () => once(server.listen(path), 'listening'));
  return {
    count: () => {
      const who = {};
      attending.add(who);
      return () => left(who);
    },
    close: () => void server.close(),
  };
}
