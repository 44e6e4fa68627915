import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { complete } from '../../../src/cli/completion/complete.js';
import { createProgram } from '../../../src/cli/program.js';
import { BUILTIN_PLUGINS } from '../../../src/plugins/builtin/list.js';

const program = createProgram();
const wordsAfter = (...words: readonly string[]) => complete(program, words).words.map(({ word }) => word);
const pathsAfter = (...words: readonly string[]) => complete(program, words).paths;

describe('complete', () => {
  it('proposes commands, and no hidden one', () => {
    expect(wordsAfter('se')).toEqual(['search', 'serve']);
    expect(wordsAfter('jobs', '')).toEqual(expect.arrayContaining(['list', 'get', 'watch', 'resume']));
    expect(wordsAfter('comp')).toEqual(['completion']);
  });

  it('proposes the flags of the command at hand with their meaning, those of the long help too', () => {
    expect(wordsAfter('search', '--cand')).toEqual(['--candidates']);
    expect(complete(program, ['search', '--cand']).words[0]?.summary).toBe('distinct architectures to predict');
    expect(wordsAfter('jobs', 'list', '--cand')).toEqual([]);
  });

  it('proposes a flag once, unless it may be repeated', () => {
    expect(wordsAfter('search', '--model', 'm', '--mod')).toEqual([]);
    expect(wordsAfter('search', '--remove', '20%', '--rem')).toEqual(['--remove']);
  });

  it('proposes values, in lists those that are not there yet, and after an equals sign', () => {
    expect(wordsAfter('evaluate', '--precision', '')).toEqual(['float32', 'int8']);
    expect(wordsAfter('evaluate', '--precision=i')).toEqual(['--precision=int8']);
    expect(wordsAfter('inspect', '--kinds', 'kv-heads,')).toEqual([
      'kv-heads,query-heads-per-kv',
      'kv-heads,ffn-channels',
    ]);
    expect(wordsAfter('search', '--remove', 'kv')).toEqual(['kv-cache-bytes-per-token=']);
    expect(wordsAfter('serve', '--interrupted-jobs', '')).toEqual(['resume', 'pause']);
    expect(wordsAfter('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it('proposes every built-in plug-in of the kind, and the options of the one that is named', () => {
    const ids = BUILTIN_PLUGINS.filter(({ plugin }) => plugin.kind === 'predictor').map(({ plugin }) => plugin.id);
    expect(wordsAfter('search', '--predictor', '').toSorted()).toEqual(ids.toSorted());
    expect(wordsAfter('search', '--predictor', 'xgboost', '--predictor-option', 'tr')).toEqual(['trees=']);
    expect(wordsAfter('search', '--predictor', 'ridge', '--predictor-option', 'tr')).toEqual([]);
    expect(wordsAfter('search', '--objective', 'pa')).toEqual(['parameters']);
    expect(wordsAfter('search', '--objective', 'p')).toEqual(expect.arrayContaining(['perplexity', 'parameters']));
    // The id of a fitted predictor is known to a server only.
    expect(wordsAfter('predict', '--predictor', '')).toEqual([]);
  });

  it('knows the flags of every command where the command is still to come', () => {
    expect(wordsAfter('--qui')).toEqual(['--quiet']);
    expect(wordsAfter('--quiet', '--state-dir', 'states', 'sea')).toEqual(['search']);
    expect(pathsAfter('--state-dir', '')).toBe('folders');
  });

  it('proposes paths for every flag and argument that is called FILE or DIR', () => {
    const options = listOptions(program).filter(({ option }) => /<(?:FILE|DIR|SPECIFIER)/.test(option.flags));
    expect(options.length).toBeGreaterThan(40);
    expect(
      options
        .filter(({ path, option }) => pathsAfter(...path, option.long ?? '', '') !== kindOf(option.flags))
        .map(({ path, option }) => [...path, option.flags].join(' ')),
    ).toEqual([]);
  });

  it('leaves files and folders to the shell', () => {
    expect(pathsAfter('search', '--model', '')).toBe('folders');
    expect(pathsAfter('search', '--text', '')).toBe('files');
    expect(pathsAfter('search', '--text=')).toBe('files');
    expect(pathsAfter('prune', '--manifest', '')).toBe('files');
    expect(pathsAfter('pairs', 'import', '')).toBe('files');
    expect(pathsAfter('search', '--pairs', '')).toBe('none');
  });

  it('of every flag with few values proposes only what the flag takes', () => {
    const wrong = listOptions(program).flatMap(({ path, option }) =>
      /[,=]|OPTION/.test(option.flags)
        ? []
        : wordsAfter(...path, option.long ?? '', '').filter((word) => {
            try {
              option.parseArg?.(word, undefined);
              return false;
            } catch {
              return !word.endsWith('=');
            }
          }),
    );
    expect(wrong).toEqual([]);
  });
});

function kindOf(flags: string): string {
  return /<DIR/.test(flags) ? 'folders' : 'files';
}

function listOptions(parent: Command, path: readonly string[] = []) {
  return parent.commands.flatMap((command): { path: readonly string[]; option: Command['options'][number] }[] =>
    command.commands.length > 0
      ? listOptions(command, [...path, command.name()])
      : command.options
          .filter(({ required }) => required)
          .map((option) => ({ path: [...path, command.name()], option })),
  );
}
