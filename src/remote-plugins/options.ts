import { z } from 'zod';

/** The options of a plug-in without any. */
const NONE = { type: 'object', properties: {} } as const;

/**
 * Options from their JSON Schema, with defaults. An option that the schema does not list is refused, unless it says
 * otherwise in `additionalProperties`. Throws for a schema of no object, and for keywords that cannot be checked, such as
 * `if`.
 */
export function readOptions(schema: Readonly<Record<string, unknown>> = NONE): z.ZodType {
  if (schema['type'] !== 'object') throw new TypeError('options_schema is of no object: "type" must be "object"');
  const { properties = {} } = schema;
  if (!isObject(properties)) throw new TypeError('"properties" must have the schema of each option, by its name');
  for (const [name, option] of Object.entries(properties))
    if (!isObject(option)) throw new TypeError(`the schema of the option ${name} must be an object`);
  return z.fromJSONSchema({ additionalProperties: false, ...schema });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
