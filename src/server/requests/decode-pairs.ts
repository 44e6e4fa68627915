import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { findLabelFault } from '../../core/metric.js';
import type { Pair, PairSet } from '../../gen/prunecast/v1/pair.js';
import { findMetric, type PluginLookup } from './plugin-lookup.js';

/**
 * Refuses a set without columns, or with two of one name: a predictor's answers could not tell those apart.
 *
 * @param field the set's path in the request
 * @throws PrunecastError INVALID_REQUEST
 */
export function requireDistinctDimensions({ dimensions }: Pick<PairSet, 'dimensions'>, field: string): void {
  if (dimensions.length === 0)
    throw PrunecastError.ofField(`${field}.dimensions`, 'is empty: name the columns of the rates');
  const repeated = dimensions.findIndex((name, index) => dimensions.indexOf(name) < index);
  if (repeated >= 0)
    throw PrunecastError.ofField(
      `${field}.dimensions[${repeated}]`,
      `is "${dimensions[repeated]}" again: name each column once`,
    );
}

/** What all pairs of an import share, by the name of the field. */
const SHARED = {
  measurementFingerprint: 'measurement_fingerprint',
  fidelityDigest: 'fidelity_digest',
  checkpointDigest: 'checkpoint_digest',
} as const;

/**
 * Refuses a set whose labels cannot be compared with those of the first one; returns the first. Throws
 * MEASUREMENT_MISMATCH, PAIRS_INVALID.
 */
export function requireSameSet(first: PairSet, other: PairSet): PairSet {
  for (const [key, field] of Object.entries(SHARED) as [keyof typeof SHARED, string][]) {
    if (first[key] === other[key]) continue;
    throw new PrunecastError(
      'MEASUREMENT_MISMATCH',
      `set.${field}: is "${other[key]}", the first set has "${first[key]}": their labels cannot be compared: import them separately`,
      {
        metadata: { first: first[key], other: other[key] },
        violations: [{ field: `set.${field}`, description: `is "${other[key]}"; the first set has "${first[key]}"` }],
      },
    );
  }
  if (
    first.dimensions.length === other.dimensions.length &&
    first.dimensions.every((name, index) => name === other.dimensions[index])
  )
    return first;
  throw PrunecastError.ofField(
    'set.dimensions',
    `has ${other.dimensions.length} names, which differ from those of the first set (${first.dimensions.length}) or from their order`,
    'PAIRS_INVALID',
  );
}

/** Throws PAIRS_INVALID for a pair that does not fit its set. */
export function requirePair(plugins: PluginLookup, pair: Pair, dimensions: readonly string[], index: number): void {
  const refuse = (field: string, description: string): never => {
    throw PrunecastError.ofField(`pairs[${index}].${field}`, description, 'PAIRS_INVALID');
  };
  if (pair.rates.length !== dimensions.length)
    refuse('rates', `has ${pair.rates.length} rates; the set has ${dimensions.length} dimensions`);
  const badRate = pair.rates.findIndex((rate) => !(rate >= 0 && rate <= 1));
  if (badRate >= 0)
    refuse(`rates[${badRate}]`, `is ${pair.rates[badRate]} (${dimensions[badRate]}); allowed is 0 to 1`);
  const metrics = Object.entries(pair.metrics);
  if (metrics.length === 0) refuse('metrics', 'is empty: a pair has at least one metric');
  for (const [name, value] of metrics) {
    const fault = findLabelFault(findMetric(plugins, name), value);
    if (fault !== undefined) refuse(`metrics.${name}`, fault);
  }
}
