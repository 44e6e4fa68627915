/** Work under way: how to stop it and whom to tell. */
export interface WorkContext {
  /** Fires on cancel; the work ends with the signal's reason within two seconds. */
  readonly signal: AbortSignal;
  /** Called often; `done` of `total` units of work, in the unit that `what` names ("tokens", "layers"). */
  readonly report?: (progress: WorkProgress) => void;
}

export interface WorkProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}
