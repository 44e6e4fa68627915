import { Argument, Option, type Command } from 'commander';
import type { FlagForm, Proposal } from '../../flags/request-flag.js';

/** A commander option that knows what a shell may propose for it; the help says the same. */
export class FlagOption extends Option {
  /** Undefined if nothing can be proposed. */
  readonly proposes: Proposal | undefined;
  readonly repeats: boolean;

  constructor({ flags, summary, proposes, repeats }: FlagForm) {
    super(flags, repeats === true ? `${summary}; may be repeated` : summary);
    this.proposes = proposes;
    this.repeats = repeats === true;
  }
}

/** A commander argument that is a path. */
export class PathArgument extends Argument {
  readonly proposes: Proposal;

  constructor(name: string, proposes: Proposal) {
    super(name);
    this.proposes = proposes;
  }
}

/** Adds flags that fill no field of a request. Of one that repeats the command gets the list of its values. */
export function addFlags(command: Command, ...flags: readonly FlagForm[]): Command {
  for (const flag of flags) {
    const option = new FlagOption(flag);
    if (option.repeats) option.argParser((value: string, earlier: readonly string[] = []) => [...earlier, value]);
    command.addOption(option);
  }
  return command;
}

/** Of commands that begin a job. */
export const DRY_RUN: FlagForm = { flags: '--dry-run', summary: 'show what would be done, and do nothing' };
