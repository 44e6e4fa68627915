import type { CallError } from '../../client/index.js';

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

  constructor(message: string, failure: CallError, violations: readonly FlagViolation[]) {
    super(message, { cause: failure });
    this.name = 'RequestError';
    this.failure = failure;
    this.violations = violations;
  }
}
