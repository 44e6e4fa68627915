import { RequestArgument, requestOptions } from '../options/request-option.js';
import { sayInCommands } from './api-words.js';
import { findField } from '../proto/find-field.js';
import type { Command } from 'commander';

/** A field that a flag has set. */
export interface FieldSource {
  /** Its concrete path: `budgets[1]`. */
  readonly path: string;
  /** `--remove`, or the name of an argument. */
  readonly flag: string;
  /** What the user typed; empty for a flag without argument, undefined if the flag was not given. */
  readonly text: string | undefined;
  readonly ownJson: boolean;
}

/** The fields of one call's request in the words of the command line. */
export interface FieldNames {
  /**
   * The flag for a field: `--calibration` for `recipe.calibration.text`, `--predictor-option depth` for
   * `predictor.options.depth`. Undefined if no flag fills it.
   */
  nameOf(path: string): string | undefined;
  /** A server's sentence with its field paths replaced by flags, and the methods of the API by commands. */
  rename(sentence: string): string;
}

/**
 * Names for the fields of a command's request: of the flags that were given first, then of all that the command has. A
 * path that is more general than any flag (`space`) is named by the given flags below it, or by the first such flag of
 * the command if none was given.
 */
export function createFieldNames(command: Command, typeName: string, sources: readonly FieldSource[]): FieldNames {
  const declared = listDeclared(command);
  const nameOf = (path: string): string | undefined => {
    const steps = path.split('.');
    const isAbove = (source: FieldSource) => startsWith(steps, source.path.split('.'));
    const above = mostSpecific([...sources.filter(isAbove), ...declared.filter(isAbove)]);
    const typed = above.flatMap((source) => nameTyped(source, steps) ?? []);
    if (typed.length > 0) return joinNames(typed);
    if (above.length > 0) return joinNames(above.map((source) => nameSource(source, steps, sources)));
    const isBelow = (source: FieldSource) => startsWith(source.path.split('.'), steps);
    const below = sources.filter(isBelow).map(({ flag }) => flag);
    return below.length > 0 ? joinNames(below) : declared.find(isBelow)?.flag;
  };
  return {
    nameOf,
    rename: (sentence) =>
      sayInCommands(sentence)
        .replace(BARE_PATH, (path) => (findField(typeName, path) === undefined ? path : (nameOf(path) ?? path)))
        .replace(QUOTED_NAME, (quoted, name: string) =>
          findField(typeName, name) === undefined ? quoted : (nameOf(name) ?? quoted),
        )
        .replace(FIRST_NAME, (start, name: string) =>
          findField(typeName, name) === undefined ? start : `${nameOf(name) ?? name}: `,
        )
        .replace(SNAKE_NAME, (name) => nameLeaf(name, declared) ?? name),
  };
}

/**
 * A path of several steps or with a place: `recipe.calibration.text`, `budgets[0]`. One word alone may be plain
 * English.
 */
const BARE_PATH =
  /(?<![\w.`/-])[a-z][a-z0-9_]*(?:\[\d+\])?(?:\.[A-Za-z_][\w-]*(?:\[\d+\])?)+(?![\w/])|(?<![\w.`/-])[a-z][a-z0-9_]*\[\d+\](?![\w.[])/g;
const QUOTED_NAME = /`([a-z][\w.[\]-]*)`/g;
/** A name that is no English word: `min_rate` in "allowed is min_rate (0.9) to 1". */
const SNAKE_NAME = /(?<![\w.`-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w.[-])/g;
/** What a sentence about one field begins with. */
const FIRST_NAME = /^([a-z][a-z0-9_]*): /;

function listDeclared(command: Command): FieldSource[] {
  return [
    ...command.registeredArguments.flatMap((argument) =>
      argument instanceof RequestArgument
        ? [{ path: argument.field, flag: argument.name(), text: undefined, ownJson: false }]
        : [],
    ),
    ...requestOptions(command).flatMap(({ flag, long }) =>
      flag.field === undefined
        ? []
        : [{ path: flag.field, flag: long ?? flag.flags, text: undefined, ownJson: flag.ownJson === true }],
    ),
  ];
}

/** The option at fault as the user typed it: `--exporter-option small.type`; undefined if it is none. */
function nameTyped({ path, flag, text, ownJson }: FieldSource, steps: readonly string[]): string | undefined {
  const option = steps.slice(path.split('.').length).join('.');
  const [key = ''] = text?.split('=') ?? [];
  return ownJson && option !== '' && key.endsWith(`.${option}`) ? `${flag} ${key}` : undefined;
}

function nameSource(
  { path, flag, text, ownJson }: FieldSource,
  steps: readonly string[],
  sources: readonly FieldSource[],
): string {
  const rest = ownJson ? steps.slice(path.split('.').length).join('.') : '';
  const isRepeated =
    text !== undefined &&
    text !== '' &&
    text.length <= LONGEST_TEXT &&
    sources.filter((other) => other.flag === flag).length > 1;
  return [flag, ...(isRepeated && !ownJson ? [text] : []), ...(rest === '' ? [] : [rest])].join(' ');
}

/** Those with the longest paths; what was given goes before what is only declared. */
function mostSpecific(sources: readonly FieldSource[]): FieldSource[] {
  const depth = ({ path }: FieldSource) => path.split('.').length;
  const deepest = Math.max(0, ...sources.map(depth));
  const found = sources.filter((source) => depth(source) === deepest);
  const given = found.filter(({ text }) => text !== undefined);
  return given.length > 0 ? given : found.slice(0, 1);
}

function joinNames(names: readonly string[]): string {
  return [...new Set(names)].join(', ');
}

/** The one flag whose field has this last name; undefined for none or several. */
function nameLeaf(name: string, declared: readonly FieldSource[]): string | undefined {
  const [flag, ...others] = declared.filter(({ path }) => path === name || path.endsWith(`.${name}`));
  return others.length === 0 ? flag?.flag : undefined;
}

/** Longer arguments (inline JSON, texts) are not repeated in a message. */
const LONGEST_TEXT = 60;

/**
 * Whether a path leads to or through another; `budgets[]` stands for every entry, as `budgets[+]` does, and a list for all of its entries.
 */
function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((step, index) => {
    const actual = path[index];
    if (actual === undefined) return false;
    const [, name, place] = /^(\w+)(?:\[(\d*|\+)\])?$/.exec(step) ?? [];
    const [, actualName, actualPlace] = /^([\w-]+)(?:\[(\d*)\])?$/.exec(actual) ?? [];
    return (
      name === actualName &&
      (place === undefined ||
        place === '' ||
        place === '+' ||
        actualPlace === undefined ||
        actualPlace === '' ||
        place === actualPlace)
    );
  });
}
