import { InvalidArgumentError } from 'commander';
import { getField } from './get-field.js';
import type { Json, JsonObject } from './request-flag.js';

/**
 * Sets a field by its path, with the messages and lists on the way, and returns the path with `[]` replaced by the
 * place of the new entry, and `[+]` with that of the first entry that lacks the field. An object is merged into an
 * earlier one, as options come one by one. Throws InvalidArgumentError if no entry lacks it.
 */
export function setField(request: JsonObject, field: string, value: Json): string {
  const steps = field.split('.');
  const path: string[] = [];
  let message = request;
  for (const [depth, step] of steps.entries()) {
    const [, name = '', index] = /^(\w+)(?:\[(\d*|\+)\])?$/.exec(step) ?? [];
    const isLast = depth === steps.length - 1;
    if (index === undefined) {
      const before = message[name];
      message[name] = isLast ? mergeValues(before, value) : isObject(before) ? before : {};
      path.push(name);
      message = message[name] as JsonObject;
      continue;
    }
    const list = (message[name] ??= []) as Json[];
    const place =
      index === '' ? list.length : index === '+' ? findLacking(list, steps.slice(depth + 1), name) : Number(index);
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

function findLacking(list: readonly Json[], steps: readonly string[], name: string): number {
  const place = list.findIndex((entry) => isObject(entry) && getField(entry, steps.join('.')) === undefined);
  if (place < 0) throw new InvalidArgumentError(`there are only ${list.length} ${name.replaceAll('_', ' ')} for it.`);
  return place;
}
