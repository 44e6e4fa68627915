import { describe, expect, it } from 'vitest';
import { placeGlobalFlags } from '../../src/cli/options/place-global-flags.js';
import { createProgram } from '../../src/cli/program.js';
import { runCli } from './run-cli.js';

const program = createProgram();
const place = (line: string) => placeGlobalFlags(program, line.split(' ')).join(' ');

describe('flags that every command has', () => {
  it('may stand before the command, with their arguments', () => {
    expect(place('--quiet search --model m')).toBe('search --quiet --model m');
    expect(place('-q --state-dir states --address=unix:/s jobs --json list --limit 3')).toBe(
      'jobs list -q --state-dir states --address=unix:/s --json --limit 3',
    );
  });

  it('come before those behind the command, so that the last one given counts', () => {
    expect(place('--state-dir a jobs list --state-dir b')).toBe('jobs list --state-dir a --state-dir b');
  });

  it('leave all else as it is: own flags of the program, arguments that read like a command, mistakes', () => {
    for (const line of ['--version', 'search --model search --quiet', 'completion bash', 'serach --quiet', '--modle m'])
      expect(place(line)).toBe(line);
    expect(place('--quiet --modle m search')).toBe('--modle m search');
  });

  it('are refused before a command that has none of them, by their name', async () => {
    const { code, stderr } = await runCli(['--address', 'unix:/s', 'completion', 'bash']);
    expect(code).toBe(2);
    expect(stderr).toContain("unknown option '--address'");
  });

  it('do before the command what they do behind it', async () => {
    const refused = await runCli(['--json', 'search']);
    expect(JSON.parse(refused.stderr)).toEqual(JSON.parse((await runCli(['search', '--json'])).stderr));
    expect(refused.code).toBe(2);
  });
});
