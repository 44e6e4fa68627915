/** A command that may be of use now, and what for. */
export interface NextCommand {
  /** "measure the pruned model". */
  readonly why: string;
  readonly words: readonly string[];
}
