import type { Json, JsonObject } from './request-flag.js';

/** The argument of a flag that names a text; undefined for one that it cannot give. */
export function writeText(text: Json): string | undefined {
  const { inline, path, ...rest } = text as JsonObject;
  if (Object.keys(rest).length > 0) return undefined;
  return typeof inline === 'string' ? `@${inline}` : typeof path === 'string' ? path : undefined;
}
