export type AttentionMatrix = 'query' | 'key' | 'value' | 'output';
export type FfnMatrix = 'gate' | 'up' | 'down';

/** Gradients of the matrices of a half-block, each laid out as its weights are in memory (o and down transposed). */
export interface MatrixGradients<Name extends string> {
  /** dLoss/dW of the mean loss: each calibration sequence counts alike, with the mean over its own predictions. */
  readonly gradients: Readonly<Record<Name, Float32Array>>;
  /** Mean over the sequences of the square of each one's own gradient. */
  readonly meanSquares: Readonly<Record<Name, Float32Array>>;
}

/** undefined for a half-block that the model does not have. */
export interface LayerGradients {
  readonly attention: MatrixGradients<AttentionMatrix> | undefined;
  readonly ffn: MatrixGradients<FfnMatrix> | undefined;
}

/** Zeros, of these numbers of weights. */
export function createMatrixGradients<Name extends string>(
  sizes: Readonly<Record<Name, number>>,
): MatrixGradients<Name> {
  const zeros = (): Record<Name, Float32Array> =>
    Object.fromEntries(Object.entries<number>(sizes).map(([name, size]) => [name, new Float32Array(size)])) as Record<
      Name,
      Float32Array
    >;
  return { gradients: zeros(), meanSquares: zeros() };
}
