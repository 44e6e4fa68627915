/** Marks a number that JSON lacks. No other value of an event has this one key. */
const MARK = '$number';

/** A plain value as JSON; NaN and the infinities, which the label of a ruined model can be, come back as they were. */
export function toEventJson(value: unknown): string {
  return JSON.stringify(value, (_key, nested: unknown) =>
    typeof nested === 'number' && !Number.isFinite(nested) ? { [MARK]: String(nested) } : nested,
  );
}

/** The value that `toEventJson` wrote. */
export function fromEventJson(json: string): unknown {
  return JSON.parse(json, (_key, nested: unknown) =>
    nested !== null && typeof nested === 'object' && MARK in nested ? Number(nested[MARK]) : nested,
  );
}
