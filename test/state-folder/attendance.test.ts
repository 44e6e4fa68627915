import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { attend, type Visit } from '../../src/state-folder/attend.js';
import { openAttendance } from '../../src/state-folder/attendance.js';
import type { Greeting } from '../../src/state-folder/greeting.js';
import { findSockets } from '../../src/state-folder/socket-paths.js';

let folder = '';
let path = '';
let GREETING: Greeting;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'prunecast-attendance-'));
  path = findSockets(folder).attendance;
  const address = `unix:${findSockets(folder).calls}`;
  GREETING = { version: '1.2.3', processId: 7, address, kind: 'of-a-command', plugins: ['/a.js'] };
});
afterEach(() => rmSync(folder, { recursive: true }));

/** How often the last one has left, and a promise of the next time. */
function countLeavings() {
  const counted = { times: 0, next: () => undefined as void };
  return {
    counted,
    onUnattended: () => {
      counted.times += 1;
      counted.next();
    },
  };
}

async function visit(): Promise<Visit> {
  const found = await attend(path);
  if (found === undefined) throw new Error('nobody greets');
  return found;
}

describe('the attendance of a server', () => {
  it('greets whoever connects, on a socket of its user alone', async () => {
    const attendance = await openAttendance(path, GREETING);
    const [first, second] = await Promise.all([visit(), visit()]);
    expect([first.greeting, second.greeting]).toEqual([GREETING, GREETING]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await Promise.all([first.leave(), second.leave()]);
    attendance.close();
    expect(await attend(path)).toBeUndefined();
  });

  it('tells when the last one has left, not before, and lets the others go at once', async () => {
    const { counted, onUnattended } = countLeavings();
    const attendance = await openAttendance(path, GREETING, onUnattended);
    const leave = attendance.count();
    const [first, second] = [await visit(), await visit()];
    await first.leave();
    leave();
    expect(counted.times).toBe(0);
    const unattended = new Promise<void>((done) => (counted.next = done));
    // The last one waits for the end of the server, which a test cannot have.
    await second.leave({ graceMs: 1 });
    await unattended;
    expect(counted.times).toBe(1);
    expect(second.ended.aborted).toBe(false);
    attendance.close();
  });

  it('notices a process that was killed', async () => {
    const { counted, onUnattended } = countLeavings();
    const attendance = await openAttendance(path, GREETING, onUnattended);
    const script = `require('node:net').connect(${JSON.stringify(path)}).on('data', () => console.log('greeted'))`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    const unattended = new Promise<void>((done) => (counted.next = done));
    expect(counted.times).toBe(0);
    child.kill('SIGKILL');
    await unattended;
    expect(counted.times).toBe(1);
    attendance.close();
  });

  it('takes the place of a socket that a killed server has left, and of nothing else', async () => {
    const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    await once(spawn(process.execPath, ['-e', script], { stdio: 'ignore' }), 'close');
    expect(existsSync(path)).toBe(true);
    expect(await attend(path)).toBeUndefined();
    const attendance = await openAttendance(path, GREETING);
    await expect(openAttendance(path, GREETING)).rejects.toThrow('another server listens there');
    attendance.close();
    writeFileSync(path, 'mine');
    await expect(openAttendance(path, GREETING)).rejects.toThrow('is not a socket');
  });

  it('is nobody where something else answers, or ends without a word', async () => {
    for (const answer of ['no greeting\n', '']) {
      const other: Server = createServer((socket) => socket.end(answer)).listen(path);
      await once(other, 'listening');
      expect(await attend(path)).toBeUndefined();
      other.close();
      await once(other, 'close');
    }
  });
});

describe('a server that may be of another user', () => {
  const isRoot = process.getuid?.() === 0;
  const SOMEBODY = 65_534;

  it.skipIf(process.platform === 'win32')('is not attended in a folder that others may write', async () => {
    const attendance = await openAttendance(path, GREETING);
    for (const mode of [0o770, 0o1777, 0o702]) {
      chmodSync(folder, mode);
      await expect(attend(path)).rejects.toThrow(/may be somebody else's.*--state-dir DIR/);
    }
    chmodSync(folder, 0o755);
    await (await visit()).leave();
    attendance.close();
  });

  it.runIf(isRoot)('is not attended where the folder or the socket is theirs', async () => {
    const attendance = await openAttendance(path, GREETING);
    for (const theirs of [folder, path]) {
      chownSync(theirs, SOMEBODY, SOMEBODY);
      await expect(attend(path)).rejects.toThrow("may be somebody else's");
      chownSync(theirs, 0, 0);
    }
    await (await visit()).leave();
    attendance.close();
  });

  it('is nobody if it sends calls elsewhere than to its folder, by whatever name', async () => {
    for (const address of ['127.0.0.1:50051', 'unix:/run/x.sock', `unix:${folder}/../x.sock`, `unix://${folder}/x`]) {
      const attendance = await openAttendance(path, { ...GREETING, address });
      expect([address, await attend(path)]).toEqual([address, undefined]);
      attendance.close();
    }
    const attendance = await openAttendance(path, GREETING);
    const [alias, aim] = [`${folder}-alias`, folder];
    symlinkSync(aim, alias);
    const found = await attend(findSockets(alias).attendance);
    expect(found?.greeting).toEqual(GREETING);
    await found?.leave();
    rmSync(alias);
    attendance.close();
  });
});

describe('the sockets of a state folder', () => {
  it('lie in a folder of their user where the path is too long for an address', () => {
    const long = join(folder, 'x'.repeat(120));
    const { attendance, calls } = findSockets(long);
    for (const socket of [attendance, calls]) expect(Buffer.byteLength(socket)).toBeLessThanOrEqual(103);
    expect(attendance).not.toBe(calls);
    expect(findSockets(long)).toEqual({ attendance, calls });
    expect(findSockets(`${long}y`).attendance).not.toBe(attendance);
    expect(statSync(join(attendance, '..')).mode & 0o777).toBe(0o700);
  });

  it('are the same for programs with another TMPDIR, and by another name of the state folder', () => {
    const long = join(folder, 'x'.repeat(120));
    const alias = join(folder, 'alias');
    mkdirSync(long);
    symlinkSync(long, alias);
    const before = process.env['TMPDIR'];
    const found = findSockets(long);
    process.env['TMPDIR'] = long;
    try {
      expect(findSockets(long)).toEqual(found);
    } finally {
      if (before === undefined) delete process.env['TMPDIR'];
      else process.env['TMPDIR'] = before;
    }
    expect(findSockets(alias)).toEqual(found);
    expect(findSockets(join(alias, 'new'))).toEqual(findSockets(join(long, 'new')));
  });
});
