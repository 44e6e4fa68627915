import type { TrainingPlan } from '../../core/ports/recovery.js';

/** The running means of a matrix's gradients and of their squares, as long as the matrix. */
export interface Moments {
  readonly first: Float32Array;
  readonly second: Float32Array;
}

export interface AdamWStep {
  /** Counted from 1. */
  readonly step: number;
  readonly rate: number;
  /** Gradients are multiplied by it first. */
  readonly scale: number;
}

/**
 * One step of AdamW (arXiv 1711.05101, algorithm 2) on one matrix, in place: m = b1 m + (1 - b1) g, v = b2 v + (1 - b2)
 * g^2, w -= rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + epsilon) + decay w).
 */
export function updateByAdamW(
  weights: Float32Array,
  gradient: Float32Array,
  { first, second }: Moments,
  { step, rate, scale }: AdamWStep,
  { firstDecay, secondDecay, epsilon, weightDecay }: TrainingPlan['optimiser'],
): void {
  const firstRate = rate / (1 - firstDecay ** step);
  const secondShare = 1 / (1 - secondDecay ** step);
  const kept = 1 - rate * weightDecay;
  for (let at = 0; at < weights.length; at++) {
    const slope = (gradient[at] as number) * scale;
    const mean = firstDecay * (first[at] as number) + (1 - firstDecay) * slope;
    const square = secondDecay * (second[at] as number) + (1 - secondDecay) * slope * slope;
    first[at] = mean;
    second[at] = square;
    weights[at] = kept * (weights[at] as number) - (firstRate * mean) / (Math.sqrt(square * secondShare) + epsilon);
  }
}

/** The factor that brings gradients with a larger norm down to `clipNorm`; otherwise 1. */
export function scaleToNorm(gradients: readonly Float32Array[], clipNorm: number): number {
  let squares = 0;
  for (const gradient of gradients)
    for (let at = 0; at < gradient.length; at++) squares += (gradient[at] as number) ** 2;
  const norm = Math.sqrt(squares);
  return norm > clipNorm ? clipNorm / norm : 1;
}
