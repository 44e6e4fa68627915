import { InvalidArgumentError } from 'commander';
import { packUnits } from '../core/model/unit-bitmap.js';
import type { Json, JsonObject } from './request-flag.js';

/**
 * Kept units in proto JSON, where each list of units in a layer becomes a bitmap in base64. Bitmaps stay as they are.
 *
 * @throws InvalidArgumentError for a list with something else than distinct units
 */
export function packUnitLists(keptUnits: Json): Json {
  if (!isObject(keptUnits)) return keptUnits;
  const { layers } = keptUnits;
  return Array.isArray(layers) ? { ...keptUnits, layers: (layers as readonly Json[]).map(packLayer) } : keptUnits;
}

function packLayer(layer: Json): Json {
  if (!isObject(layer)) return layer;
  return Object.fromEntries(
    Object.entries(layer).map(([name, units]) => [
      name,
      Array.isArray(units) ? packList(name, units as readonly Json[]) : units,
    ]),
  );
}

function packList(name: string, units: readonly Json[]): string {
  const numbers = units.map(Number);
  try {
    return Buffer.from(packUnits(numbers, 1 + Math.max(-1, ...numbers))).toString('base64');
  } catch (error) {
    throw new InvalidArgumentError(`${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
