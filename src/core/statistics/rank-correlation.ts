/**
 * Kendall's tau-b between two rankings, ties allowed (Kendall, "The treatment of ties in ranking problems", 1945):
 * (C - D) / sqrt((n0 - n1) (n0 - n2)) with C concordant and D discordant pairs, n0 all pairs, n1 and n2 those tied in
 * either. NaN where one side is constant. Quadratic in the length: 10,000 values take a second.
 */
export function kendallTau(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [balance, untiedA, untiedB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = i + 1; j < a.length; j++) {
      const signA = Math.sign((a[i] as number) - (a[j] as number));
      const signB = Math.sign((b[i] as number) - (b[j] as number));
      balance += signA * signB;
      if (signA !== 0) untiedA += 1;
      if (signB !== 0) untiedB += 1;
    }
  }
  return balance / Math.sqrt(untiedA * untiedB);
}

/** Spearman's rho: the correlation of the ranks, equal values sharing their mean rank. NaN where one side is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return correlate(rank(a), rank(b));
}

function rank(values: ArrayLike<number>): Float64Array {
  const order = Array.from(values, (value, index) => ({ value, index })).sort((x, y) => x.value - y.value);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && order[to]?.value === order[from]?.value) to += 1;
    for (const { index } of order.slice(from, to)) ranks[index] = (from + to - 1) / 2;
    from = to;
  }
  return ranks;
}

function correlate(a: Float64Array, b: Float64Array): number {
  const [meanA, meanB] = [meanOf(a), meanOf(b)];
  let [product, squareA, squareB] = [0, 0, 0];
  a.forEach((value, index) => {
    const [x, y] = [value - meanA, (b[index] ?? 0) - meanB];
    product += x * y;
    squareA += x * x;
    squareB += y * y;
  });
  return product / Math.sqrt(squareA * squareB);
}

function meanOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
