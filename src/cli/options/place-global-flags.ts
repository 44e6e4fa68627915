import type { Command } from 'commander';
import { GLOBAL_OPTIONS } from './server.js';

/**
 * The words of a command line with the flags of all commands behind the command, where commander looks for them:
 * `--quiet jobs list` is `jobs list --quiet`. Flags before the command come first there, so that those behind it win.
 * If no command is named, they are left out: nothing is there that they could change.
 *
 * @param words those after `prunecast`
 */
export function placeGlobalFlags(program: Command, words: readonly string[]): string[] {
  const moved: string[] = [];
  const names: string[] = [];
  let command = program;
  let place = 0;
  while (place < words.length) {
    const word = words[place] ?? '';
    const child = command.commands.find((candidate) => candidate.name() === word);
    if (child !== undefined) {
      names.push(word);
      command = child;
      place += 1;
      continue;
    }
    const count = countWords(words, place);
    // A command of its own begins, or a word that commander has to judge.
    if (count === 0 || command.commands.length === 0) break;
    moved.push(...words.slice(place, place + count));
    place += count;
  }
  const rest = words.slice(place);
  return command.commands.length > 0 ? [...names, ...rest] : [...names, ...moved, ...rest];
}

/** How many words the global flag at this place takes, its argument included; 0 if there is none. */
function countWords(words: readonly string[], place: number): number {
  const [name = ''] = (words[place] ?? '').split('=', 1);
  const option = GLOBAL_OPTIONS.find(({ long, short }) => long === name || short === name);
  if (option === undefined) return 0;
  return option.required && words[place] === name ? 2 : 1;
}
