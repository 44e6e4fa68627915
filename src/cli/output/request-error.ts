import type { CallError } from '../../client/index.js';
import type { NextCommand } from './next-command.js';

/** A field at fault; `flag` is what sets it on the command line, undefined if none does. */
export interface FlagViolation {
  readonly field: string;
  readonly flag: string | undefined;
  readonly description: string;
}

/** A call that failed, told in the words of the command line: its message and violations name flags. */
export class RequestError extends Error {
  readonly failure: CallError;
  readonly violations: readonly FlagViolation[];
  /** What helps; empty if the kind of failure tells that. */
  readonly next: readonly NextCommand[];

  constructor(
    message: string,
    failure: CallError,
    violations: readonly FlagViolation[],
    next: readonly NextCommand[] = [],
  ) {
    super(message, { cause: failure });
    this.name = 'RequestError';
    this.failure = failure;
    this.violations = violations;
    this.next = next;
  }
}
