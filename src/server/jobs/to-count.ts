/** An amount as it was reported. Progress is for people: one that is no number must not end the work. */
export function toAmount(value: number): number {
  return Number.isFinite(value) ? Math.max(0, value) : 0;
}

/** The same in whole units. */
export function toCount(value: number): number {
  return Math.floor(toAmount(value));
}
