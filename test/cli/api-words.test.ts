import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { protoRegistry } from '../../src/cli/proto/proto-json.js';
import { sayInCommands } from '../../src/cli/session/api-words.js';
import { REASONS } from '../../src/core/errors/reasons.js';

const METHODS = [...protoRegistry()]
  .flatMap((type) => (type.kind === 'service' && type.typeName.startsWith('prunecast.v1.') ? type.methods : []))
  .map(({ name }) => name)
  .filter((name) => /^[A-Z][a-z]+[A-Z]/.test(name));
const named = new RegExp(`\\b(?:${METHODS.join('|')})\\b`);

/** What the server's sources say in quotes, of any kind: every message that a caller may get is among it. */
function listTexts(): string[] {
  const src = resolve(import.meta.dirname, '../../src');
  return ['core', 'engine', 'plugin-host', 'plugins', 'search', 'server'].flatMap((folder) =>
    readdirSync(join(src, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => readFileSync(join(src, folder, file), 'utf8').match(/'[^'\n]*'|"[^"\n]*"|`[^`]*`/g) ?? [])
      .map((text) => text.replaceAll(/\$\{[^}]*\}/g, 'X'))
      .filter((text) => text.includes(' ')),
  );
}

describe('messages of a server on the command line', () => {
  it('name commands in place of methods', () => {
    expect(sayInCommands('is 1; the predictor has 10 (GetPredictor names them)')).toBe(
      'is 1; the predictor has 10 (`prunecast predictors get` names them)',
    );
    expect(sayInCommands('wait for its fit, or call `StudyService.QueryStudy`')).toBe(
      'wait for its fit, or call `prunecast call StudyService.QueryStudy`',
    );
    expect(sayInCommands('Search finds no GetPredictors')).toBe('Search finds no GetPredictors');
  });

  it('are free of methods, whatever the server says: all reasons and all texts in its sources', () => {
    const texts = [...Object.values(REASONS).map(({ meaning }) => meaning), ...listTexts()].filter(
      (text) => named.test(text) && !/[/.]v1|Request|=>/.test(text),
    );
    expect(texts.length).toBeGreaterThan(5);
    const left = texts.filter((text) => named.test(sayInCommands(text).replaceAll(/`prunecast call \w+\.\w+`/g, '')));
    expect(left).toEqual([]);
    expect(texts.map(sayInCommands).join()).not.toContain('under a data root, inline');
  });

  it('name commands that exist', () => {
    const program = createProgram();
    for (const method of METHODS) {
      const [, line = ''] = /^`prunecast (.*)`$/.exec(sayInCommands(method)) ?? [];
      const [first = '', second] = line.split(' ');
      const command = program.commands.find((candidate) => candidate.name() === first);
      if (command === undefined) throw new Error(`${method}: there is no command ${first}`);
      const names = command.commands.map((child) => child.name());
      expect([line, names.length === 0 || names.includes(second ?? '')]).toEqual([line, true]);
    }
  });
});
