import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeResumeCommand } from '../../src/cli/session/resume-command.js';
import { runCli } from './run-cli.js';
import { makeShellFolder } from './shell.js';

const { path: folder, paste, remove } = makeShellFolder();
afterAll(remove);

describe('the command that resumes a job', () => {
  it('works as it is printed, for a search that waits in a state folder of its own', async () => {
    const args = `--remove 20% --protect none --criterion magnitude --compensation none --pairs 24 --pair-tokens 128 --rounds 1
      --candidates 50 --verify 1 --verify-tokens 128 --report-tokens 128 --predictor ridge --controls uniform-paper`;
    const paths = ['--model', 'tiny model', '--text', 'tiny model/stories.json', '--output', 'out/the winner'];
    const paused = await runCli(
      ['search', ...paths, '--state-dir', 'my state', '--pause-before', 'report', ...args.split(/\s+/)],
      { cwd: folder },
    );
    expect(paused.code).toBe(0);
    const [, line = ''] = /paused before report; to resume it:\n  (.*)$/m.exec(paused.stderr) ?? [];
    expect(line).toContain('prunecast jobs resume job-');
    expect(line).not.toContain('--model');
    const { code, stdout } = await paste(line);
    expect(code).toBe(0);
    expect(stdout).toContain(`wrote ${join(folder, 'out/the winner')}`);
    expect(existsSync(join(folder, 'out/the winner/prunecast.json'))).toBe(true);
  }, 180_000);

  it('names the server that was called', () => {
    expect(writeResumeCommand('job-1', { address: 'unix:/run/prunecast.sock' })).toBe(
      'prunecast jobs resume job-1 --address unix:/run/prunecast.sock',
    );
  });

  it('names the state folder and the plug-ins if they were given, in quotes where a shell needs them', () => {
    expect(writeResumeCommand('job-1', {})).toBe('prunecast jobs resume job-1');
    expect(writeResumeCommand('job-1', { stateDir: "Ann's", plugin: ['./a b.js', 'knn'] })).toBe(
      `prunecast jobs resume job-1 --state-dir 'Ann'\\''s' --plugin './a b.js' --plugin knn`,
    );
  });
});
