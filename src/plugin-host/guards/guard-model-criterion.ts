import type { UnitGroup } from '../../core/model/unit-groups.js';
import type { GroupScores, ModelCriterion } from '../../core/ports/criterion.js';
import { nameType, pluginInvalid, toPluginError } from '../../core/ports/plugin-errors.js';
import { callPlugin, type CallLimit } from './guarded-call.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';

/** A criterion of whole models whose answers are checked: each group once, one score per unit, none of them NaN. */
export function guardModelCriterion(criterion: ModelCriterion, limit: CallLimit, host?: PluginHost): ModelCriterion {
  const call = { kind: 'criterion', id: criterion.id, method: 'scoreModel' } as const;
  const makeContext = contextsOf(criterion, host);
  return {
    ...criterion,
    async *scoreModel(model, options, work) {
      const open = new Map(model.groups.map((group) => [nameGroup(group), group]));
      const answer: unknown = callPlugin(call, limit, () => criterion.scoreModel(model, options, makeContext(work)));
      if (!isAsyncIterable(answer))
        throw pluginInvalid(call, `gave ${nameType(answer)} in place of an async iterable of {layer, kind, scores}`);
      try {
        for await (const given of answer) {
          const fault = findFault(given, open);
          if (fault !== undefined) throw pluginInvalid(call, fault);
          const scores = given as GroupScores;
          open.delete(nameGroup(scores));
          yield scores;
        }
      } catch (error) {
        if (work.signal.aborted) throw work.signal.reason;
        throw toPluginError(error, call);
      }
      const [missing] = open.keys();
      if (missing !== undefined) throw pluginInvalid(call, `gave no scores for ${missing}`);
    },
  };
}

/** @param open the groups that have no scores yet, by name */
function findFault(given: unknown, open: ReadonlyMap<string, UnitGroup>): string | undefined {
  if (typeof given !== 'object' || given === null) return `gave ${nameType(given)} in place of {layer, kind, scores}`;
  const { layer, kind, scores } = given as GroupScores;
  const name = nameGroup({ layer, kind });
  const group = open.get(name);
  if (group === undefined) return `gave scores for ${name}, which was not asked or has scores already`;
  if (!(scores instanceof Float32Array)) return `gave ${nameType(scores)} in place of a Float32Array for ${name}`;
  if (scores.length !== group.units) return `gave ${scores.length} scores for ${name}, which are ${group.units}`;
  const bad = scores.findIndex(Number.isNaN);
  return bad < 0 ? undefined : `gave NaN for unit ${bad} of ${name}`;
}

function nameGroup({ layer, kind }: Pick<UnitGroup, 'layer' | 'kind'>): string {
  return `the units of kind ${String(kind)} in layer ${String(layer)}`;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
