import { Argument, type Command } from 'commander';
import type { Given, Place, Proposal, RequestFlag } from '../../flags/request-flag.js';
import { FlagOption } from './flag-option.js';

/** The message that the flags of a command fill. */
export interface RequestType<Message> {
  /** `prunecast.v1.SearchRequest`. */
  readonly typeName: string;
  readonly codec: { decode(bytes: Uint8Array): Message };
}

/** A commander option that knows its field. */
export class RequestOption extends FlagOption {
  readonly flag: RequestFlag;
  readonly typeName: string;

  constructor(flag: RequestFlag, typeName: string) {
    super({ ...flag, ...proposeFor(flag) });
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

function proposeFor({ proposes, place }: RequestFlag): { readonly proposes?: Proposal } {
  if (proposes !== undefined) return { proposes };
  return place === undefined ? {} : { proposes: PLACED[place] };
}

const PLACED: Readonly<Record<Place, Proposal>> = {
  model: { from: 'folders' },
  text: { from: 'files' },
  output: { from: 'folders' },
  'earlier-output': { from: 'folders' },
};
