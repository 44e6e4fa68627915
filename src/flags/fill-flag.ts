import { setField } from './set-field.js';
import type { Given, Json, JsonObject, Place, RequestFlag } from './request-flag.js';

/** A field that a flag has set, and what the user typed for it. */
export interface FilledField {
  readonly path: string;
  readonly text: string;
}

/**
 * Sets what the uses of a flag say in a request. Returns the fields that were set.
 *
 * @param toValue a path or text as the server is told it, in proto JSON
 */
export function fillFlag(
  { field, fill, place }: RequestFlag,
  given: readonly Given[],
  request: JsonObject,
  toValue: (place: Place, text: string) => Json,
): FilledField[] {
  if (given.length === 0) return [];
  if (fill !== undefined) {
    const paths = fill(request, given);
    const isOneEach = paths.length === given.length;
    return paths.map((path, use) => ({ path, text: given.at(isOneEach ? use : -1)?.text ?? '' }));
  }
  if (field === undefined) return [];
  return given.map(({ text, value }) => ({
    path: setField(request, field, place === undefined ? value : toValue(place, text)),
    text,
  }));
}
