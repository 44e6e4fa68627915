export type AttentionMatrix = 'query' | 'key' | 'value' | 'output';
export type FfnMatrix = 'gate' | 'up' | 'down';

/** Gradients of the matrices of a half-block, each in the layout of its weights in memory (o and down transposed). */
export interface MatrixSums<Name extends string> {
  readonly gradients: Readonly<Record<Name, Float32Array>>;
}

/** Gradients with what a mean loss over sequences tells beside. */
export interface MatrixGradients<Name extends string> extends MatrixSums<Name> {
  /**
   * dLoss/dW of the mean loss: all calibration sequences count equally, each with the mean over its own predictions.
   */
  readonly gradients: Readonly<Record<Name, Float32Array>>;
  /** Mean over the sequences of the square of each sequence's own gradient. */
  readonly meanSquares: Readonly<Record<Name, Float32Array>>;
}

/** undefined: the model does not have the half-block. */
export interface LayerGradients {
  readonly attention: MatrixGradients<AttentionMatrix> | undefined;
  readonly ffn: MatrixGradients<FfnMatrix> | undefined;
}

/** Zeros, as many as each matrix has weights. */
export function createMatrixGradients<Name extends string>(
  sizes: Readonly<Record<Name, number>>,
): MatrixGradients<Name> {
  return { gradients: createZeros(sizes), meanSquares: createZeros(sizes) };
}

function createZeros<Name extends string>(sizes: Readonly<Record<Name, number>>): Record<Name, Float32Array> {
  return Object.fromEntries(
    Object.entries<number>(sizes).map(([name, size]) => [name, new Float32Array(size)]),
  ) as Record<Name, Float32Array>;
}
