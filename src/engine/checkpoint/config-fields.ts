import { malformed, show } from './model-errors.js';

/** The configuration of a checkpoint. */
export const CONFIG_FILE = 'config.json';

/** A whole number within bounds. Throws MODEL_MALFORMED, also where it is absent and there is no `fallback`. */
export function readSize(config: Readonly<Record<string, unknown>>, key: string, bounds: { readonly min: number; readonly max: number; readonly fallback?: number | undefined }, path = ''): number {
  const value = config[key] ?? bounds.fallback;
  if (typeof value === 'number' && Number.isInteger(value) && value >= bounds.min && value <= bounds.max) return value;
  throw malformed(CONFIG_FILE, `${path}${key} is ${show(value)}; whole numbers from ${bounds.min} to ${bounds.max} are allowed`);
}

/** A positive finite number. Throws MODEL_MALFORMED, also where it is absent and there is no `fallback`. */
export function readPositive(config: Readonly<Record<string, unknown>>, key: string, options: { readonly fallback?: number; readonly path?: string } = {}): number {
  const value = config[key] ?? options.fallback;
  if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value;
  throw malformed(CONFIG_FILE, `${options.path ?? ''}${key} is ${show(value)}; a positive number is allowed`);
}

/** Least and largest value of a number; `fallback` stands in where it is absent or null. */
export interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly fallback?: number;
}

/** A finite number within bounds. Throws MODEL_MALFORMED, also where it is absent and there is no `fallback`. */
export function readNumber(config: Readonly<Record<string, unknown>>, key: string, { min, max, fallback }: NumberBounds, path = ''): number {
  const value = config[key] ?? fallback;
  if (typeof value === 'number' && value >= min && value <= max) return value;
  throw malformed(CONFIG_FILE, `${path}${key} is ${show(value)}; numbers from ${min} to ${max} are allowed`);
}
