/** A source of random numbers that its seed fixes. */
export interface Rng {
  /** Uniform in [0, 1), 53 bits. */
  uniform(): number;
  /** Uniform over the integers 0 to below - 1. */
  integer(below: number): number;
  /** A shuffled copy. */
  shuffle<T>(values: readonly T[]): T[];
  /** An independent generator that the seed and the label alone fix, however many numbers were drawn before. */
  fork(label: string): Rng;
}
