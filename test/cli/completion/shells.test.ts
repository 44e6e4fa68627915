import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeShellFolder } from '../shell.js';

const { path: folder, remove } = makeShellFolder();
beforeAll(() => {
  mkdirSync(join(folder, 'models'));
  writeFileSync(join(folder, 'my story.txt'), '');
});
afterAll(remove);

function run(shell: string, ...args: readonly string[]): string {
  const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env['PATH']}`, HOME: folder, TERM: 'dumb' };
  return execFileSync(shell, args, { cwd: folder, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Completes the last of some words, as bash hands them to the function. */
const ask = (...words: readonly string[]) =>
  `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _prunecast; printf '%s|' "\${COMPREPLY[@]}"; echo`;

/** Skipped where the shell is not installed. */
const has = (shell: string) => spawnSync(shell, ['-c', 'true']).status === 0;

describe.skipIf(!has('bash'))('in bash', () => {
  it('completes words as bash takes a line apart', () => {
    const script = [
      'source <(prunecast completion bash)',
      'complete -p prunecast',
      ask('prunecast', 'sea'),
      ask('prunecast', 'search', '--predictor', 'r'),
      ask('prunecast', 'evaluate', '--precision', '=', 'i'),
      ask('prunecast', 'evaluate', '--address', 'unix', ':', '/x', '--prec'),
      ask('prunecast', 'search', '--model', 'mod'),
      ask('prunecast', 'search', '--text', '=', 'my'),
    ].join('\n');
    expect(run('bash', '--norc', '-c', script).trim().split('\n')).toEqual([
      'complete -F _prunecast prunecast',
      'search|',
      'random-forest|ridge|',
      'int8|',
      '--precision|',
      'models|',
      'my story.txt|',
    ]);
  });
});

describe.skipIf(!has('fish'))('in fish', () => {
  it('completes a line', () => {
    const script = [
      'source (prunecast completion fish | psub)',
      ...['search --predictor r', 'evaluate --precision=i', 'search --model mod', 'jobs resu'].map(
        (line) => `complete -C 'prunecast ${line}'`,
      ),
    ].join('\n');
    const lines = run('fish', '--no-config', '-c', script).trim().split('\n');
    expect(lines.map((line) => line.split('\t')[0])).toEqual([
      'random-forest',
      'ridge',
      '--precision=int8',
      'models/',
      'resume',
    ]);
  });
});

describe.skipIf(!has('zsh'))('in zsh', () => {
  it('completes what is typed into its line editor when Tab is pressed', () => {
    const lines = [
      'prunecast plu',
      'prunecast search --predictor rid',
      'prunecast evaluate --precision=i',
      'prunecast search --remove kv',
      'prunecast search --text my',
    ];
    const output = run('zsh', '-f', '-c', TYPE_IN_ZSH, 'zsh', ...lines);
    expect([...output.matchAll(/<<(.*?)>>/g)].map(([, line]) => line)).toEqual([
      'prunecast plugins ',
      'prunecast search --predictor ridge ',
      'prunecast evaluate --precision=int8 ',
      'prunecast search --remove kv-cache-bytes-per-token=',
      'prunecast search --text my\\ story.txt ',
    ]);
  }, 120_000);
});

/** A zsh that runs another on a terminal, types lines and Tab, and has a key print the line that comes of it. */
const TYPE_IN_ZSH = String.raw`
zmodload zsh/zpty
zpty -b inner zsh -f -i
await() {
  local out chunk
  integer n=0
  while (( n++ < 600 )); do
    if zpty -r -t inner chunk 2>/dev/null; then out+=$chunk; else sleep 0.1; fi
    [[ $out == *$1* ]] && { print -r -- $out; return }
  done
  print -r -- "nothing came of it: $out"
}
zpty -w -n inner $'PS1=; autoload -Uz compinit; compinit -u -D; source <(prunecast completion zsh); show() { print -r -- "<<$BUFFER>>" }; zle -N show; bindkey "^X" show; print ST""ART\n'
await START > /dev/null
for line; do
  zpty -w -n inner "$line"$'\t\x18'
  await '>>'
  zpty -w -n inner $'\x15'
done
zpty -d inner
`;
