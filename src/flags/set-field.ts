import type { Json, JsonObject } from './request-flag.js';

/**
 * Sets a field by its path, with the messages and lists on the way, and returns the path with `[]` replaced by the
 * place of the new entry. An object is merged into an earlier one, as options come one by one.
 */
export function setField(request: JsonObject, field: string, value: Json): string {
  const steps = field.split('.');
  const path: string[] = [];
  let message = request;
  for (const [depth, step] of steps.entries()) {
    const [, name = '', index] = /^(\w+)(?:\[(\d*)\])?$/.exec(step) ?? [];
    const isLast = depth === steps.length - 1;
    if (index === undefined) {
      const before = message[name];
      message[name] = isLast ? mergeValues(before, value) : isObject(before) ? before : {};
      path.push(name);
      message = message[name] as JsonObject;
      continue;
    }
    const list = (message[name] ??= []) as Json[];
    const place = index === '' ? list.length : Number(index);
    const entry = list[place];
    list[place] = isLast ? value : isObject(entry) ? entry : {};
    path.push(`${name}[${place}]`);
    message = list[place] as JsonObject;
  }
  return path.join('.');
}

function mergeValues(before: Json | undefined, value: Json): Json {
  return isObject(before) && isObject(value) ? { ...before, ...value } : value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
