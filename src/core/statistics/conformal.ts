/**
 * Half-width h of a split-conformal interval [prediction - h, prediction + h], in the unit of the residuals: the
 * ceil((n + 1) coverage)-th smallest absolute residual (Lei et al., "Distribution-free predictive inference for
 * regression", 2018). It covers a new label with at least that chance if pairs and new points are exchangeable.
 * Infinity if there are too few residuals for the coverage (fewer than 9 for 0.9), as nothing narrower is certain.
 *
 * @param residuals label minus prediction, of pairs that the predictor was not fitted on
 * @param coverage above 0 and below 1
 */
export function conformalHalfWidth(residuals: ArrayLike<number>, coverage: number): number {
  const errors = Float64Array.from(residuals, Math.abs).sort();
  // The tiny number that is subtracted undoes the rounding error of the product, so that 0.9 of 10 is the ninth and not
  // the tenth.
  const place = Math.max(1, Math.ceil((errors.length + 1) * coverage - 1e-9));
  return errors[place - 1] ?? Number.POSITIVE_INFINITY;
}
