import type { DimensionKind } from './search-space.js';

/** What a format asks of all layers of an architecture; what is left out may be as it likes. */
export interface ShapeLimits {
  /** All layers have the same counts, and both halves. */
  readonly uniform?: boolean;
  /** No half-block is dropped; or none of these layers. */
  readonly keepsHalves?: boolean | readonly number[];
  /** Kept counts are multiples of these. 0, of a dropped half-block, is one. */
  readonly multipleOf?: Readonly<Partial<Record<DimensionKind, number>>>;
}
