import { describe, expect, it } from 'vitest';
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

describe('the help', () => {
  it("tells the server's defaults as the proto has them", () => {
    expect(helpOf('pairs', 'sample')).toMatch(/^--pairs .*\(default: 120\)$/m);
    const search = helpOf('search');
    expect(search).toMatch(/^--pairs .*\(default: 120\)$/m);
    expect(search).toMatch(/^--strategy .*\(default: evolutionary, or nsga2 for several objectives\)$/m);
    expect(search).toMatch(/^--max-rate .*\(default: 0\.5, or twice the uniform rate/m);
    expect(search).toMatch(/^--pair-tokens .*\(default: 8,192 tokens each\)$/m);
    expect(search).toMatch(/^--target .*\(default: each layer may differ\)$/m);
    expect(helpOf('predictors', 'explain')).toMatch(/^--points .*\(default: 11\)$/m);
    expect(helpOf('jobs', 'list')).toMatch(/^--limit .*\(default: 100\)$/m);
  });

  it("tells the server's settings as it has them", () => {
    expect(helpOf('serve')).toMatch(/^--listen .*\(default: 127\.0\.0\.1:50051\)$/m);
    expect(helpOf('serve')).toMatch(/^--threads .*\(default: the processors .*\)$/m);
  });

  it('has every flag under a heading', () => {
    const search = createProgram().commands.find((command) => command.name() === 'search');
    expect(search?.options.map((option) => option.helpGroupHeading)).not.toContain(undefined);
    for (const heading of ['Model', 'Text', 'Budget', 'Recipe', 'Search', 'Output', 'Server'])
      expect(search?.helpInformation()).toContain(`\n${heading}:\n`);
  });
});
