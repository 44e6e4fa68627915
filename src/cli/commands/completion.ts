import { Argument, type Command } from 'commander';
import { complete } from '../completion/complete.js';
import { SCRIPTS } from '../completion/scripts.js';

/** `prunecast completion`: the script of a shell, and the hidden command that it calls. */
export function addCompletionCommands(program: Command): void {
  program
    .command('completion')
    .addArgument(new Argument('<SHELL>').choices(Object.keys(SCRIPTS)))
    .description('print the script that completes commands, flags and values: source <(prunecast completion bash)')
    .action((shell: keyof typeof SCRIPTS) => void process.stdout.write(SCRIPTS[shell]));
  program
    .command('complete [WORDS...]', { hidden: true })
    .description('propose words for the last of those after `prunecast`, for the scripts of the shells')
    .action((words: readonly string[]) => {
      const { words: proposed, paths } = complete(program, words);
      const lines = proposed.map(({ word, summary }) => `${word}\t${summary.replaceAll(/\s+/g, ' ')}`);
      process.stdout.write(`${[...lines, `:${paths}`].join('\n')}\n`);
    });
}
