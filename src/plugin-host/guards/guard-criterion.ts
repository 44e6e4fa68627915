import type { Criterion } from '../../core/ports/criterion.js';
import { awaitPlugin, callPlugin, type CallLimit } from './guarded-call.js';
import { nameType, pluginInvalid } from '../../core/ports/plugin-errors.js';
import { requireCount } from './require-count.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';

/** A criterion whose answers are checked: one score per unit, none of them NaN. */
export function guardCriterion(criterion: Criterion, limit: CallLimit, host?: PluginHost): Criterion {
  const call = { kind: 'criterion', id: criterion.id, method: 'score' } as const;
  const { scoringBytes } = criterion;
  const makeContext = contextsOf(criterion, host);
  return {
    ...criterion,
    score: async (layer, options, work) => {
      const scores: unknown = await awaitPlugin(
        call,
        limit,
        () => criterion.score(layer, options, makeContext(work)),
        work?.signal,
      );
      const units = `the ${layer.units.length} units of kind ${layer.kind} in layer ${layer.layer}`;
      if (!(scores instanceof Float32Array))
        throw pluginInvalid(call, `gave ${nameType(scores)} in place of a Float32Array for ${units}`);
      if (scores.length !== layer.units.length) throw pluginInvalid(call, `gave ${scores.length} scores for ${units}`);
      const bad = scores.findIndex(Number.isNaN);
      if (bad >= 0) throw pluginInvalid(call, `gave NaN for unit ${bad} of ${units}`);
      return scores;
    },
    ...(scoringBytes !== undefined && {
      scoringBytes: (rows: number, hidden: number) => {
        const asked = { ...call, method: 'scoringBytes' };
        return requireCount(
          asked,
          callPlugin(asked, limit, () => scoringBytes.call(criterion, rows, hidden)),
          'bytes',
        );
      },
    }),
  };
}
