import { nameType, pluginInvalid, type PluginCall } from '../../core/ports/plugin-errors.js';

/** A finite number that is not negative, from a plug-in. Throws PLUGIN_INVALID for anything else. */
export function requireCount(call: PluginCall, value: unknown, unit: string): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw pluginInvalid(call, `gave ${nameNumber(value)}; a number of ${unit} is needed`);
}

/** For messages: a number as it is, anything else by its type. */
export function nameNumber(value: unknown): string {
  return typeof value === 'number' ? String(value) : nameType(value);
}
