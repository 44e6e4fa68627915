import type { StreamHalfBlock } from '../../core/ports/compensation.js';
import { solveInPlace } from './solve-least-squares.js';

/**
 * The kept weights of one half-block that bring the pruned model's residual stream nearest to the dense one's:
 * W' = (X^T X / tokens + lambda I)^-1 (X^T T / tokens + lambda W), lambda = damping * mean diag(X^T X) / tokens, with X the
 * inputs that the pruned and compensated layers before it give, and T what the residual stream lacks. [rows, hidden].
 */
export function fitStream({ weights, rows, gram, product }: StreamHalfBlock, damping: number): Float32Array {
  let trace = 0;
  for (let row = 0; row < rows; row++) trace += gram[row * rows + row] as number;
  // Inputs that are always 0 leave the weights as they are.
  const lambda = Math.max((damping * trace) / rows, Number.MIN_VALUE);
  for (let row = 0; row < rows; row++) gram[row * rows + row] = (gram[row * rows + row] as number) + lambda;
  for (let at = 0; at < product.length; at++) product[at] = (product[at] as number) + lambda * (weights[at] as number);
  solveInPlace(gram, product, rows);
  return Float32Array.from(product);
}
