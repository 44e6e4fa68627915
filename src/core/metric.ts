/** What a metric's name stands for. */
export interface MetricDefinition {
  /** snake_case: `perplexity`. */
  readonly name: string;
  readonly better: 'lower' | 'higher';
  /** `log` where a predictor should be fitted on the metric's logarithm. */
  readonly scale: 'log' | 'linear';
  /**
   * What of each window it is the mean of, over all scored tokens (`log`: the exponential of that mean): the windows' losses
   * or their hits. undefined where windows do not tell: then a report has no interval for it.
   */
  readonly windows?: 'losses' | 'hits';
  readonly summary: string;
}
