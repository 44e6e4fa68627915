import type { Json, JsonObject } from './request-flag.js';

/** The value at a field's path, as `setField` takes it but for new entries; undefined if there is none. */
export function getField(request: JsonObject, field: string): Json | undefined {
  let value: Json | undefined = request;
  for (const [, name = '', place] of field.matchAll(/(\w+)(?:\[(\d+)\])?/g)) {
    value = (value as JsonObject | undefined)?.[name];
    if (place !== undefined) value = (value as readonly Json[] | undefined)?.[Number(place)];
  }
  return value ?? undefined;
}
