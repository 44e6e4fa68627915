import { describe, expect, it } from 'vitest';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { findMetric, type PluginLookup } from '../../../src/server/requests/plugin-lookup.js';

describe('the definition of a metric', () => {
  const plugins = { all: () => [{ plugin: perplexity }] } as unknown as PluginLookup;

  it('is that of its evaluator, whatever its measurement is called', () => {
    expect(findMetric(plugins, 'perplexity')).toMatchObject({ name: 'perplexity', scale: 'log', better: 'lower' });
    expect(findMetric(plugins, 'ptb.perplexity')).toMatchObject({
      name: 'ptb.perplexity',
      scale: 'log',
      better: 'lower',
    });
    expect(findMetric(plugins, 'ptb.accuracy')).toMatchObject({
      name: 'ptb.accuracy',
      scale: 'linear',
      better: 'higher',
    });
  });

  it('of no evaluator is linear, and lower is better', () => {
    expect(findMetric(plugins, 'ptb.score')).toEqual({
      name: 'ptb.score',
      scale: 'linear',
      better: 'lower',
      summary: '',
    });
  });
});
