import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createLeaseOwner } from '../../../src/server/jobs/lease-owner.js';

const owner = createLeaseOwner();
const place = owner.name.split(' ')[0] ?? '';

describe('createLeaseOwner', () => {
  it('knows an earlier process of this machine as gone, but not itself, one that lives, or one of another machine', () => {
    expect(owner.isGone(owner.name)).toBe(false);
    expect(owner.isGone(createLeaseOwner().name)).toBe(true); // of this process id, and not this one
    expect(owner.isGone(`${place} ${process.ppid} server-1`)).toBe(false);
    expect(owner.isGone(`${place} ${2 ** 30} server-1`)).toBe(true); // above any process id of Linux
    expect(owner.isGone(`elsewhere/boot ${2 ** 30} server-1`)).toBe(false);
  });

  it.runIf(process.platform === 'linux')(
    'knows one as gone that was killed, though nobody has asked for its exit code: its parent died, and the first process of the container takes no care of it',
    async () => {
      // What the shell has started stays a zombie under what the shell becomes, which waits for no child.
      const parent = spawn('sh', ['-c', 'sleep 0 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'inherit'] });
      onTestFinished(() => void parent.kill('SIGKILL'));
      const [zombie] = (await once(createInterface(parent.stdout), 'line')) as [string];
      await vi.waitFor(async () => expect(await readFile(`/proc/${zombie}/stat`, 'utf8')).toContain(' Z '));
      expect(owner.isGone(`${place} ${zombie} server-1`)).toBe(true);
      expect(owner.isGone(`${place} ${parent.pid} server-1`)).toBe(false);
    },
  );

  it.runIf(process.platform === 'linux')('knows one as gone whose process id another process has now', async () => {
    const other = spawn('sleep', ['60'], { stdio: 'ignore' });
    onTestFinished(() => void other.kill('SIGKILL'));
    const stat = await readFile(`/proc/${other.pid}/stat`, 'utf8');
    const begun = stat.split(') ')[1]?.split(' ')[19] ?? '';
    expect(owner.isGone(`${place} ${other.pid} server-1 ${begun}`)).toBe(false);
    expect(owner.isGone(`${place} ${other.pid} server-1 ${Number(begun) - 1}`)).toBe(true);
    expect(owner.isGone(`${place} ${other.pid} server-1`)).toBe(false); // of a server that did not write it down yet
  });
});
