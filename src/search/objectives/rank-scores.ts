import { findKnee } from '../../core/statistics/knee-point.js';
import { sortIntoFronts } from '../../core/statistics/pareto-fronts.js';
import { sortByCrowding } from '../../core/statistics/select-spread.js';
import type { PointScore } from './score-point.js';

/**
 * Indices of scores, the best first: those that meet all limits, then the others by how little they miss them, and last
 * those that are not finite; of two equal ones the earlier first. With several objectives front by front: first the
 * knee of the front, then its points that lie farthest from others. So the first one is the one to choose, and the
 * first few represent the front.
 */
export function rankScores(scores: readonly PointScore[]): number[] {
  const all = [...scores.keys()];
  const isFinite = (index: number): boolean => scores[index]?.values.every(Number.isFinite) ?? false;
  const violationOf = (index: number): number => scores[index]?.violation ?? Number.POSITIVE_INFINITY;
  const met = all.filter((index) => isFinite(index) && violationOf(index) === 0);
  const missed = all
    .filter((index) => isFinite(index) && violationOf(index) > 0)
    .sort((a, b) => compare(violationOf(a), violationOf(b)));
  return [...rankMet(scores, met), ...missed, ...all.filter((index) => !isFinite(index))];
}

/** The first front of the scores that meet all limits, in the order given; empty if none does. */
export function findFront(scores: readonly PointScore[]): number[] {
  const met = [...scores.keys()].filter(
    (index) => scores[index]?.violation === 0 && scores[index].values.every(Number.isFinite),
  );
  const [first = []] = sortIntoFronts(met.map((index) => scores[index]?.values ?? []));
  return first.flatMap((place) => met[place] ?? []);
}

function rankMet(scores: readonly PointScore[], met: readonly number[]): number[] {
  const values = met.map((index) => scores[index]?.values ?? []);
  if ((values[0]?.length ?? 1) === 1)
    return met
      .map((index, place) => ({ index, value: values[place]?.[0] ?? Number.NaN }))
      .sort((a, b) => compare(a.value, b.value))
      .map(({ index }) => index);
  return sortIntoFronts(values).flatMap((front) => {
    const knee = front[findKnee(front.map((place) => values[place] ?? [])) ?? 0];
    return [knee, ...sortByCrowding(values, front).filter((place) => place !== knee)].flatMap(
      (place) => met[place ?? -1] ?? [],
    );
  });
}

/** Infinity minus Infinity is not a number; equal values keep their order. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b;
}
