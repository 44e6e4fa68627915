import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { PluginRef } from '../../gen/prunecast/v1/common.js';
import { nameGoal } from '../../search/objectives/goals.js';
import { goalsOf, type StudyPlan } from '../../search/study/study-plan.js';
import type { PluginRegistry, ResolvedPlugin } from '../plugins/plugin-registry.js';

/**
 * The strategy that a request names; `evolutionary` for one goal and `nsga2` for several by default.
 *
 * @throws PrunecastError PLUGIN_NOT_FOUND, INVALID_OPTIONS, INVALID_REQUEST for one that cannot look for a front
 */
export function chooseStrategy(
  plugins: PluginRegistry,
  asked: PluginRef | undefined,
  plan: Pick<StudyPlan, 'objective' | 'goals'>,
): ResolvedPlugin<'strategy'> {
  const { goals } = goalsOf(plan);
  const strategy = plugins.resolve('strategy', asked, goals.length > 1 ? 'nsga2' : 'evolutionary', 'strategy');
  if (goals.length === 1 || strategy.plugin.objectives === 'any') return strategy;
  const others = plugins
    .all('strategy')
    .filter(({ plugin }) => plugin.objectives === 'any')
    .map(({ plugin }) => plugin.id);
  throw PrunecastError.ofField(
    'strategy.id',
    `is "${strategy.id}", which looks for one best, and there are ${goals.length} goals (${goals.map(nameGoal).join(', ')}): use ${others.join(' or ')}, or give the objectives weights`,
  );
}
