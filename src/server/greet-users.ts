import type { Logger } from 'pino';
import { attend } from '../state-folder/attend.js';
import { openAttendance, type Attendance } from '../state-folder/attendance.js';
import { nameAnywhere } from '../state-folder/greeting.js';
import { findSockets } from '../state-folder/socket-paths.js';
import type { StateInUse } from '../state-folder/state-in-use.js';
import type { Config } from './config/config.js';
import { VERSION } from './config/version.js';

/** A server that its user's programs may find. */
export interface Greeted {
  /** Where they may call it. */
  readonly address: string;
  readonly config: Config;
  readonly log: Logger;
}

/** Greets programs of this user; a server can do without, as on a file system that has no sockets. */
export async function greetUsers({ address, config, log }: Greeted): Promise<Attendance | undefined> {
  try {
    return await openAttendance(findSockets(config.stateDirectory).attendance, {
      ...introduce(config),
      kind: 'serve',
      address,
      roots: { models: config.modelRoots, texts: config.dataRoots, output: config.outputRoot },
    });
  } catch (error) {
    log.warn({ err: error }, 'commands without --address will not find this server');
    return undefined;
  }
}

/**
 * The same for a server that a command started: `onUnattended` is called when the last program has left. Who holds the
 * standard input of this process open counts as one.
 *
 * @throws Error if there cannot be such a socket
 */
export async function greetCommands({ address, config }: Greeted, onUnattended: () => void): Promise<Attendance> {
  const attendance = await openAttendance(
    findSockets(config.stateDirectory).attendance,
    { ...introduce(config), kind: 'of-a-command', address },
    onUnattended,
  );
  process.stdin.on('end', attendance.count()).resume();
  return attendance;
}

/** What to do about a state folder that another server uses. */
export async function describeStateInUse({ message, stateDirectory }: StateInUse): Promise<string> {
  // One that may be somebody else's has nothing to add.
  const visit = await attend(findSockets(stateDirectory).attendance).catch(() => undefined);
  if (visit === undefined) return message;
  const { kind, processId } = visit.greeting;
  await visit.leave({ graceMs: 0 });
  return kind === 'serve'
    ? `${message}. It is process ${processId}, which commands without --address find`
    : `${message}. It is process ${processId}, which a command started, and ends with the commands that use it`;
}

function introduce({ plugins }: Config) {
  return { version: VERSION, processId: process.pid, plugins: plugins.map(nameAnywhere) };
}
