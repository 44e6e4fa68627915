/** What the thread of a decoder graph is started with. */
export interface DecoderThreadData {
  /** Of the graph's file. */
  readonly path: string;
  readonly threads: number;
  /** From `startGatedWorker`. */
  readonly gate: Int32Array;
}

/** The calls that it answers. */
export type DecoderCalls = {
  /** Loads the graph, which the other call does too. */
  readonly load: { readonly argument: undefined; readonly item: never; readonly result: undefined };
  /** As `DecoderSession.logits`. */
  readonly logits: { readonly argument: Int32Array; readonly item: never; readonly result: Float32Array };
};
