/** The scores of one layer's units by kind, in the model's own order; higher = keep. */
export interface UnitScores {
  /** One per channel. */
  readonly ffnChannels: Float32Array;
  /** One per query head, over the whole layer: head h belongs to group floor(h / heads per group). */
  readonly queryHeads: Float32Array;
  /** One per key-value group. */
  readonly kvGroups: Float32Array;
}
