import { Argument, Option, type Command } from 'commander';

/** A value of proto JSON. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** A message of proto JSON, fields in snake_case as error messages name them. */
export type JsonObject = { [name: string]: Json };

/** What a path on the command line names. A server of its own gets roots that make such a path true. */
export type Place = 'model' | 'text' | 'output' | 'earlier-output';

/** What a shell proposes for the argument of a flag. A list has several names, comma-separated. */
export type Proposal =
  | { readonly from: 'names'; readonly names: readonly string[]; readonly isList?: true }
  | { readonly from: 'plugins' | 'plugin-options'; readonly kind: string }
  | { readonly from: 'quantities' }
  | { readonly from: 'files' }
  | { readonly from: 'folders' };

/** One use of a flag: what the user typed, and what it means in proto JSON. */
export interface Given {
  readonly text: string;
  readonly value: Json;
}

/**
 * A flag that fills a field of the command's request. Without the flag the field stays unset, and the server decides.
 */
export interface RequestFlag {
  /** As commander writes it: `--pairs <COUNT>`. */
  readonly flags: string;
  readonly summary: string;
  /**
   * Path of the field: `pairs.count`, `recipes[0].seed`. `[]` appends an entry with each use: `budgets[]`. Undefined
   * for a flag that only tells which paths a server of the call's own must see.
   */
  readonly field?: string;
  /** The argument in proto JSON. @default the text itself */
  readonly parse?: (text: string) => Json;
  /**
   * The inverse of `parse`: the argument that gives a value of the field, or one for each use; undefined for a value
   * that the flag cannot give. @default the value as text; none for an object
   */
  readonly write?: (value: Json) => string | readonly string[] | undefined;
  /** What a flag without argument sets. @default true */
  readonly value?: Json;
  readonly repeats?: true;
  readonly required?: true;
  readonly place?: Place;
  /** @default files or folders by `place` and by the name of the argument, else nothing */
  readonly proposes?: Proposal;
  /** The value is JSON of the user's own, so errors name the part of it that is at fault. */
  readonly ownJson?: true;
  /** Path of the field whose comment tells the default. @default `field` */
  readonly defaultFrom?: string;
  /** The help tells no default: the summary says it, or there is none. */
  readonly showsNoDefault?: true;
  /** Fills the request where one field is not all there is to it. Returns the paths that were set. */
  readonly fill?: (request: JsonObject, given: readonly Given[]) => readonly string[];
  /** The inverse of `fill`: takes out of the request what the flag says of it, and returns the argument, if any. */
  readonly take?: (request: JsonObject) => string | undefined;
}

/** Flags under one heading of the help. */
export interface FlagGroup {
  readonly heading: string;
  readonly flags: readonly RequestFlag[];
}

/** The message that the flags of a command fill. */
export interface RequestType<Message> {
  /** `prunecast.v1.SearchRequest`. */
  readonly typeName: string;
  readonly codec: { decode(bytes: Uint8Array): Message };
}

/** A commander option that knows its field. */
export class RequestOption extends Option {
  readonly flag: RequestFlag;
  readonly typeName: string;

  constructor(flag: RequestFlag, typeName: string) {
    super(flag.flags, flag.summary);
    this.flag = flag;
    this.typeName = typeName;
    const { parse = String } = flag;
    if (this.required) {
      this.argParser((text: string, earlier: readonly Given[] | undefined) => [
        ...(earlier ?? []),
        { text, value: parse(text) },
      ]);
    }
  }

  /** The uses of the flag that count, in order; of one that does not repeat the last. */
  givenTo(command: Command): readonly Given[] {
    const name = this.attributeName();
    if (command.getOptionValueSource(name) !== 'cli') return [];
    const value: unknown = command.getOptionValue(name);
    if (!this.required) return [{ text: '', value: this.flag.value ?? true }];
    const given = value as readonly Given[];
    return this.flag.repeats === true ? given : given.slice(-1);
  }
}

/** A commander argument that fills a field, as a flag does. */
export class RequestArgument extends Argument {
  readonly field: string;

  constructor(name: string, field: string, summary?: string) {
    super(name, summary);
    this.field = field;
  }
}

/** Adds flags under a heading of the help. */
export function addRequestFlags(
  command: Command,
  { typeName }: RequestType<unknown>,
  heading: string,
  flags: readonly RequestFlag[],
): Command {
  command.optionsGroup(`${heading}:`);
  for (const flag of flags) command.addOption(new RequestOption(flag, typeName));
  return command;
}

/** The flags of a command that fill its request. */
export function requestOptions(command: Command): RequestOption[] {
  return command.options.filter((option): option is RequestOption => option instanceof RequestOption);
}

/**
 * Ends a command with a usage error if a flag is missing that it needs. Commander's own check would come before the one
 * for unknown flags, so that `--modle` would not be told from nothing at all.
 */
export function requireFlags(command: Command): void {
  for (const option of requestOptions(command)) {
    if (option.flag.required === true && option.givenTo(command).length === 0)
      command.error(`error: required option '${option.flags}' not specified`);
  }
}

/** How often flags of a table were given, each use counted. */
export function countGiven(command: Command, flags: readonly RequestFlag[]): number {
  return requestOptions(command)
    .filter(({ flag }) => flags.includes(flag))
    .map((option) => command.getOptionValue(option.attributeName()) as readonly Given[] | undefined)
    .reduce((count, given) => count + (given?.length ?? 0), 0);
}
