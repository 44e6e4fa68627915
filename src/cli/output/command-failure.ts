/** What programs are told of a failure besides its message. */
export interface FailureDetails {
  readonly code: string;
  readonly reason: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** A command that did not do what it was asked for, with the line that says why. */
export class CommandFailure extends Error {
  /** Undefined for a failure that no reason of an error tells. */
  readonly details: FailureDetails | undefined;

  constructor(message: string, details?: FailureDetails) {
    super(message);
    this.name = 'CommandFailure';
    this.details = details;
  }
}
