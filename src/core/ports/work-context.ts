/** Work under way: how to stop it and whom to tell. */
export interface WorkContext {
  /** Fires on cancel; the work ends with the signal's reason within two seconds. */
  readonly signal: AbortSignal;
  /** Called often; `done` of `total` units of work, in the unit that `what` names ("tokens", "layers"). */
  readonly report?: (progress: WorkProgress) => void;
}

export interface WorkProgress {
  /** What is being done, for people, of a work that has parts: "scoring units". By default it is the caller's word. */
  readonly activity?: string;
  readonly what: string;
  readonly done: number;
  readonly total: number;
  /** Sequences whose numbers are known, summed over the architectures that run them; only where sequences run. */
  readonly known?: number;
  /** What is measured: windows or questions, over all architectures that are measured together. */
  readonly items?: ItemProgress;
  /** All that is done so far is stored: after a kill the work goes on from there. */
  readonly saved?: boolean;
}

export interface ItemProgress {
  /** Items whose numbers are known. Where architectures run layer by layer, those of a whole group are known at once. */
  readonly done: number;
  readonly total: number;
}
