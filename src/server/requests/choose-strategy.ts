import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import { nameObjective } from '../../search/objectives/objectives.js';
import { objectivesOf, type StudyPlan } from '../../search/study/plan.js';
import { DEFAULT_FRONT_STRATEGY, DEFAULT_PLUGINS } from './defaults.js';
import type { PluginLookup, ResolvedPlugin } from './plugin-lookup.js';

/**
 * The strategy that a request names; by default `evolutionary` for one objective and `nsga2` for several.
 *
 * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS, INVALID_REQUEST for a strategy that cannot search for a
 * front
 */
export function chooseStrategy(
  plugins: PluginLookup,
  asked: PluginRef | undefined,
  plan: Pick<StudyPlan, 'metric' | 'objectives'>,
): ResolvedPlugin<'strategy'> {
  const { objectives } = objectivesOf(plan);
  const strategy = plugins.resolve(
    'strategy',
    asked,
    objectives.length > 1 ? DEFAULT_FRONT_STRATEGY : DEFAULT_PLUGINS.strategy,
    'strategy',
  );
  if (objectives.length === 1 || strategy.plugin.objectives === 'any') return strategy;
  const others = plugins
    .all('strategy')
    .filter(({ plugin }) => plugin.objectives === 'any')
    .map(({ plugin }) => plugin.id);
  throw PrunecastError.ofField(
    'strategy.id',
    `is "${strategy.id}", which searches for a single best, but there are ${objectives.length} objectives (${objectives.map(nameObjective).join(', ')}): use ${others.join(' or ')}, or give the objectives weights`,
  );
}
