import { InvalidArgumentError, type Command } from 'commander';
import type { DeepPartial, Objective } from '../../client/index.js';
import { collect } from './values.js';

export interface ObjectiveFlags {
  readonly objective?: readonly DeepPartial<Objective>[];
  readonly floor?: readonly DeepPartial<Objective>[];
}

/** Flags that say what is made better: `--objective perplexity --objective parameters`, `--floor accuracy=0.4`. */
export function addObjectiveFlags(command: Command): Command {
  return command
    .option(
      '--objective <NAME[=WEIGHT]>',
      'metric or cost to make better; several make a front, those with a weight one weighted sum (default: perplexity)',
      collect(parseObjective),
    )
    .option(
      '--floor <NAME=VALUE>',
      'what a metric must come to at least, or at most where lower is better',
      collect(parseFloor),
    );
}

/** The objectives, then the floors; empty where none was given. */
export function readObjectives({ objective = [], floor = [] }: ObjectiveFlags): DeepPartial<Objective>[] {
  return [...objective, ...floor];
}

function parseObjective(value: string): DeepPartial<Objective> {
  const [metric = '', weight] = splitOnce(value);
  return weight === undefined ? { metric } : { metric, weight: parseNumber(weight) };
}

function parseFloor(value: string): DeepPartial<Objective> {
  const [metric = '', floor] = splitOnce(value);
  if (floor === undefined) throw new InvalidArgumentError('give NAME=VALUE, such as accuracy=0.4.');
  return { metric, floor: parseNumber(floor) };
}

/** What stands before and after the first `=`; dashes in a name as underscores. */
function splitOnce(value: string): readonly [string, string?] {
  const at = value.indexOf('=');
  const [name, rest] = at < 0 ? [value] : [value.slice(0, at), value.slice(at + 1)];
  const metric = (name ?? '').replaceAll('-', '_');
  return rest === undefined ? [metric] : [metric, rest];
}

function parseNumber(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !(number > 0)) throw new InvalidArgumentError(`"${text}" is no number above 0.`);
  return number;
}
