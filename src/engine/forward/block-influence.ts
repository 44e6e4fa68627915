/** Sum over tokens of 1 - cos(input, output), both [tokens, hidden]. A token whose states are all zero adds 1. */
export function sumBlockInfluence(input: Float32Array, output: Float32Array, hidden: number): number {
  let sum = 0;
  for (let start = 0; start < input.length; start += hidden) {
    let product = 0;
    let inputSquares = 0;
    let outputSquares = 0;
    for (let index = start; index < start + hidden; index++) {
      const [a, b] = [input[index] as number, output[index] as number];
      product += a * b;
      inputSquares += a * a;
      outputSquares += b * b;
    }
    const norms = Math.sqrt(inputSquares * outputSquares);
    sum += 1 - (norms === 0 ? 0 : product / norms);
  }
  return sum;
}
