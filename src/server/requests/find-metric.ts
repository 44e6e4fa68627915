import type { MetricDefinition } from '../../core/metric.js';
import type { PluginLookup } from './plugin-lookup.js';

/** What a metric's name stands for: as an evaluator defines it; one that none defines is taken as it is, lower better. */
export function findMetric(plugins: PluginLookup, name: string): MetricDefinition {
  const known = plugins
    .all('evaluator')
    .flatMap(({ plugin }) => plugin.metrics)
    .find((metric) => metric.name === name);
  return known ?? { name, better: 'lower', scale: 'linear', summary: '' };
}
