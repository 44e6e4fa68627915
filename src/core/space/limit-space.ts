import type { SearchSpaceOptions } from './create-search-space.js';
import { DIMENSION_KINDS } from './search-space.js';
import type { ShapeLimits } from './shape-limits.js';

/** Limits that ask what all of these ask. */
export function joinLimits(limits: readonly ShapeLimits[]): ShapeLimits {
  const multiples = DIMENSION_KINDS.flatMap((kind) => {
    const least = limits.reduce((multiple, { multipleOf }) => leastCommon(multiple, multipleOf?.[kind] ?? 1), 1);
    return least === 1 ? [] : [[kind, least] as const];
  });
  const uniform = limits.some((each) => each.uniform === true);
  const keepsAll = uniform || limits.some(({ keepsHalves }) => keepsHalves === true);
  const kept = new Set(limits.flatMap(({ keepsHalves = [] }) => (typeof keepsHalves === 'boolean' ? [] : keepsHalves)));
  return {
    ...(uniform ? { uniform } : {}),
    ...(keepsAll ? { keepsHalves: true } : kept.size > 0 ? { keepsHalves: [...kept] } : {}),
    ...(multiples.length === 0 ? {} : { multipleOf: Object.fromEntries(multiples) }),
  };
}

/** The options of a space that is no larger than these limits allow. */
export function withLimits(options: SearchSpaceOptions, limits: ShapeLimits): SearchSpaceOptions {
  const { multipleOf, keepsHalves, uniform } = joinLimits([
    { multipleOf: options.multipleOf ?? {}, keepsHalves: options.keepsHalves ?? false },
    limits,
  ]);
  return {
    ...options,
    ...(uniform === true ? { target: 'uniform' } : {}),
    ...(keepsHalves === undefined ? {} : { keepsHalves }),
    ...(multipleOf === undefined ? {} : { multipleOf }),
  };
}

/**
 * The least multiple of which each up to `size` is allowed; `size` itself if there is no other.
 *
 * @param isAllowed whether a count from 1 on is
 */
export function findMultiple(size: number, isAllowed: (count: number) => boolean): number {
  for (let multiple = 1; multiple < size; multiple += 1) {
    const counts = Array.from({ length: Math.floor(size / multiple) }, (_, index) => (index + 1) * multiple);
    if (counts.every(isAllowed)) return multiple;
  }
  return Math.max(1, size);
}

function leastCommon(one: number, other: number): number {
  return (one / greatestCommon(one, other)) * other;
}

/** The greatest number that divides both. */
export function greatestCommon(one: number, other: number): number {
  return other === 0 ? one : greatestCommon(other, one % other);
}
