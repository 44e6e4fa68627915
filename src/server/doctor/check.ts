/** What was found about one thing that a server needs. */
export interface Check {
  /** `node`, `disk`: one word, the same in every version. */
  readonly name: string;
  /** `warn`: it works, with a loss that the advice ends. `fail`: a server would not work. */
  readonly state: 'ok' | 'warn' | 'fail';
  readonly finding: string;
  /** What to do; undefined if nothing needs to be done. */
  readonly advice?: string;
}
