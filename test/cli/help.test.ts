import { CommanderError, type Command } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { createProgram } from '../../src/cli/program.js';

/** The help of a command on one line per flag. */
function helpOf(...names: readonly string[]): string {
  const found = names.reduce(
    (command, name) => command.commands.find((child) => child.name() === name) ?? command,
    createProgram(),
  );
  expect(found.name()).toBe(names.at(-1));
  const helper = found.createHelp();
  return helper
    .visibleOptions(found)
    .map((option) => `${option.long} ${helper.optionDescription(option)}`)
    .join('\n');
}

/** What a command line prints that asks for help, on 80 columns. */
function print(...args: readonly string[]): string {
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  try {
    createProgram().parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError) || error.exitCode !== 0) throw error;
  } finally {
    spy.mockRestore();
  }
  return written.join('');
}

function listLeaves(parent: Command): string[][] {
  return parent.commands.flatMap((command) =>
    command.commands.length === 0 ? [[command.name()]] : listLeaves(command).map((names) => [command.name(), ...names]),
  );
}

describe('the help', () => {
  it("tells the server's defaults as the proto has them", () => {
    expect(helpOf('pairs', 'sample')).toMatch(/^--pairs .*\(default: 96\)$/m);
    const search = helpOf('search');
    expect(search).toMatch(/^--pairs .*\(default: 96\)$/m);
    expect(search).toMatch(/^--strategy .*\(default: evolutionary, or nsga2 for several objectives\)$/m);
    expect(search).toMatch(/^--max-rate .*\(default: 0\.5, or twice the uniform rate/m);
    expect(search).toMatch(/^--pair-tokens .*\(default: 5,120 tokens each\)$/m);
    expect(search).toMatch(/^--target .*\(default: each layer may differ\)$/m);
    expect(helpOf('predictors', 'explain')).toMatch(/^--points .*\(default: 11\)$/m);
    expect(helpOf('jobs', 'list')).toMatch(/^--limit .*\(default: 100\)$/m);
  });

  it("tells the server's settings as it has them", () => {
    expect(helpOf('serve')).toMatch(/^--listen .*\(default: 127\.0\.0\.1:50051\)$/m);
    expect(helpOf('serve')).toMatch(/^--threads .*\(default: the processors .*\)$/m);
  });

  it('tells values of flags as flags take them', () => {
    expect(helpOf('search')).toMatch(/^--compensation-fit .*\(default: stream if .*; otherwise one-shot\)$/m);
  });

  it('has every flag under a heading with --help-all', () => {
    const search = createProgram().commands.find((command) => command.name() === 'search');
    expect(search?.options.map((option) => option.helpGroupHeading)).not.toContain(undefined);
    const help = print('search', '--help-all');
    for (const heading of ['Model', 'Text', 'Budget', 'Recipe', 'Search', 'Output', 'Server'])
      expect(help).toContain(`\n${heading}:\n`);
    for (const { long } of search?.options ?? []) expect(help).toMatch(new RegExp(`^ +(?:-\\w, )?${long}\\b`, 'm'));
  });

  it('shows the flags that most calls need first, and says how many more there are', () => {
    const help = print('search', '--help');
    const shown = help.match(/^ +(?:-\w, )?--[a-z-]+/gm)?.map((line) => line.trim().replace(/^-\w, /, '')) ?? [];
    expect(shown).toEqual(expect.arrayContaining(['--model', '--text', '--remove', '--output', '--dry-run']));
    expect(shown.length).toBeLessThanOrEqual(13);
    const all = print('search', '--help-all').match(/^ +(?:-\w, )?--[a-z-]+/gm) ?? [];
    expect(help).toContain(`\n${all.length - shown.length} more flags: prunecast search --help-all\n`);
  });

  it('of any command fits a screen', () => {
    const long = listLeaves(createProgram()).filter((names) => print(...names, '--help').split('\n').length > 48);
    expect(long).toEqual([]);
  });
});
