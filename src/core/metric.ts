/** What a metric's name stands for. */
export interface MetricDefinition {
  /** snake_case: `perplexity`. */
  readonly name: string;
  readonly better: 'lower' | 'higher';
  /** `log` where a predictor should be fitted on the metric's logarithm. */
  readonly scale: 'log' | 'linear';
  readonly summary: string;
}
