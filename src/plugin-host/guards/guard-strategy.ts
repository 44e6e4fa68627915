import type { DeferredRun, Strategy, StrategyRun } from '../../core/ports/strategy.js';
import type { Counts } from '../../core/space/search-space.js';
import { awaitPlugin, callPlugin, type CallLimit } from './guarded-call.js';
import { contextsOf, type PluginHost } from '../context/plugin-context.js';
import { nameType, pluginInvalid, type PluginCall } from '../../core/ports/plugin-errors.js';

/**
 * A strategy whose answers are checked: points with one count per dimension. Whether they may be evaluated is checked
 * where they are proposed.
 */
export function guardStrategy(strategy: Strategy, limit: CallLimit, host?: PluginHost): Strategy<unknown, DeferredRun> {
  const at = (method: string): PluginCall => ({ kind: 'strategy', id: strategy.id, method });
  const makeContext = contextsOf(strategy, host);
  return {
    ...strategy,
    start: (problem, options, work) => {
      const run: unknown = callPlugin(at('start'), limit, () => strategy.start(problem, options, makeContext(work)));
      if (!isRun(run))
        throw pluginInvalid(at('start'), `gave ${nameType(run)} in place of an object with ask(), tell() and best()`);
      const { dimensions } = problem.space;
      const isPoint = (point: unknown): boolean =>
        Array.isArray(point) &&
        point.length === dimensions.length &&
        point.every((count: unknown) => Number.isInteger(count) && (count as number) >= 0);
      const requirePoints = (call: PluginCall, points: unknown): readonly Counts[] => {
        if (!Array.isArray(points)) throw pluginInvalid(call, `gave ${nameType(points)} in place of a list of points`);
        const bad: unknown = points.find((point) => !isPoint(point));
        if (bad === undefined) return points as readonly Counts[];
        throw pluginInvalid(
          call,
          `gave ${Array.isArray(bad) ? `[${bad.join(', ')}]` : nameType(bad)}, which is no point of the space: ${dimensions.length} counts are needed`,
        );
      };
      const wait = <Answer>(method: string, answer: () => Answer | Promise<Answer>): Promise<Answer> =>
        awaitPlugin(at(method), limit, answer, work?.signal);
      return {
        ask: async () => requirePoints(at('ask'), await wait('ask', () => run.ask())),
        tell: async (predictions) => wait('tell', () => run.tell(predictions)),
        best: async (count) => requirePoints(at('best'), await wait('best', () => run.best(count))),
        end: () => {
          if ('end' in run) callPlugin(at('end'), limit, () => run.end?.());
        },
      };
    },
  };
}

function isRun(value: unknown): value is StrategyRun | DeferredRun {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['ask', 'tell', 'best'].every((method) => typeof (value as Record<string, unknown>)[method] === 'function')
  );
}
