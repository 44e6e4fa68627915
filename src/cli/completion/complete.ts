import type { Command, Option } from 'commander';
import type { Proposal } from '../../flags/request-flag.js';
import { FlagOption, PathArgument } from '../options/flag-option.js';
import { GLOBAL_OPTIONS } from '../options/server.js';
import { readBuiltInPlugins } from '../proto/built-in-plugins.js';

/** What may follow in a command line. */
export interface Completion {
  /** Whole words that begin with what is typed. */
  readonly words: readonly ProposedWord[];
  /** Whether the shell proposes paths of its own in addition. */
  readonly paths: 'none' | 'files' | 'folders';
}

export interface ProposedWord {
  readonly word: string;
  /** One line; may be empty. */
  readonly summary: string;
}

/**
 * Completes the last of some words, those after `prunecast`; it is empty where a new word begins. Answers from the tree
 * of commands and from the built-in plug-ins, without a server.
 */
export function complete(program: Command, words: readonly string[]): Completion {
  const typed = words.at(-1) ?? '';
  const { command, waiting, used, places } = walk(program, words.slice(0, -1));
  if (waiting !== undefined) return completeValue(waiting, { typed, before: '', words });
  const [, flag = '', value = ''] = /^(--[a-z-]+)=(.*)$/s.exec(typed) ?? [];
  const assigned = optionsOf(command).find(({ long }) => long === flag);
  if (assigned !== undefined) return completeValue(assigned, { typed: value, before: `${flag}=`, words });
  if (typed.startsWith('-')) {
    const options = optionsOf(command).filter(
      (option) => !used.has(option) || (option instanceof FlagOption && option.repeats),
    );
    const shown = [...options.map(({ long, description }) => ({ word: long ?? '', summary: description })), HELP];
    return { words: keep(shown, typed), paths: 'none' };
  }
  if (command.commands.length > 0) {
    const shown = command.createHelp().visibleCommands(command);
    return {
      words: keep(
        shown.map((child) => ({ word: child.name(), summary: child.description() })),
        typed,
      ),
      paths: 'none',
    };
  }
  const argument = command.registeredArguments[places];
  if (argument === undefined) return NOTHING;
  const choices = (argument.argChoices ?? []).map((word) => ({ word, summary: '' }));
  const proposal = argument instanceof PathArgument ? argument.proposes : undefined;
  return proposal === undefined
    ? { words: keep(choices, typed), paths: 'none' }
    : completeBy(proposal, { typed, before: '', words });
}

const HELP: ProposedWord = { word: '--help', summary: 'display help for command' };
const NOTHING: Completion = { words: [], paths: 'none' };

interface Reached {
  readonly command: Command;
  /** A flag whose argument comes next. */
  readonly waiting: Option | undefined;
  readonly used: ReadonlySet<Option>;
  /** Arguments of the command that are given. */
  readonly places: number;
}

function walk(program: Command, words: readonly string[]): Reached {
  let command = program;
  let waiting: Option | undefined;
  let places = 0;
  const used = new Set<Option>();
  for (const word of words) {
    if (waiting !== undefined) {
      waiting = undefined;
      continue;
    }
    const [name = ''] = word.split('=', 1);
    const option = optionsOf(command).find(({ long, short }) => long === name || short === name);
    const child = command.commands.find((candidate) => candidate.name() === word);
    if (option !== undefined) {
      used.add(option);
      if (option.required && !word.includes('=')) waiting = option;
    } else if (child !== undefined) command = child;
    else if (!word.startsWith('-')) places += 1;
  }
  return { command, waiting, used, places };
}

/** Where a command is still to come, also what every command has. */
function optionsOf(command: Command): readonly Option[] {
  return command.commands.length > 0 ? [...command.options, ...GLOBAL_OPTIONS] : command.options;
}

/** A value that is being typed. */
interface TypedValue {
  readonly typed: string;
  /** What the word has before the value: `--flag=`. */
  readonly before: string;
  readonly words: readonly string[];
}

function completeValue(option: Option, value: TypedValue): Completion {
  return option instanceof FlagOption && option.proposes !== undefined ? completeBy(option.proposes, value) : NOTHING;
}

function completeBy(proposal: Proposal, { typed, before, words }: TypedValue): Completion {
  if (proposal.from === 'files' || proposal.from === 'folders') return { words: [], paths: proposal.from };
  const isList = proposal.from === 'names' && proposal.isList === true;
  const [, earlier = '', part = ''] = isList ? (/^(.*,)?([^,]*)$/s.exec(typed) ?? []) : ['', '', typed];
  const names = listNames(proposal, words).filter((name) => !earlier.split(',').includes(name));
  const whole = names.map((name) => ({ word: `${before}${earlier}${name}`, summary: '' }));
  return { words: keep(whole, `${before}${earlier}${part}`), paths: 'none' };
}

function listNames(
  proposal: Exclude<Proposal, { readonly from: 'files' | 'folders' }>,
  words: readonly string[],
): readonly string[] {
  if (proposal.from === 'names') return proposal.names;
  const { plugins, metrics } = readBuiltInPlugins();
  if (proposal.from === 'quantities') return [...new Set([...metrics, ...COSTS])];
  const known = plugins[proposal.kind] ?? {};
  if (proposal.from === 'plugins') return Object.keys(known);
  const chosen = known[words[words.lastIndexOf(`--${proposal.kind}`, -2) + 1] ?? ''];
  return [...new Set(chosen ?? Object.values(known).flat())].map((name) => `${name}=`);
}

const COSTS = ['parameters', 'weight-bytes', 'kv-cache-bytes-per-token', 'flops-per-token'] as const;

function keep(words: readonly ProposedWord[], typed: string): ProposedWord[] {
  return words.filter(({ word }) => word.startsWith(typed));
}
