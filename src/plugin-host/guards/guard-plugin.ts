import type { Plugin } from '../../core/ports/plugin-entry.js';
import type { OptionsSchema } from '../../core/ports/plugin.js';
import { callPlugin, type CallLimit } from './guarded-call.js';
import type { PluginHost } from '../context/plugin-context.js';
import { guardCompensation } from './guard-compensation.js';
import { guardCriterion } from './guard-criterion.js';
import { guardEvaluator } from './guard-evaluator.js';
import { guardExporter } from './guard-exporter.js';
import { guardModelCriterion } from './guard-model-criterion.js';
import { guardPredictor } from './guard-predictor.js';
import { guardRecovery } from './guard-recovery.js';
import { guardStrategy } from './guard-strategy.js';

/**
 * The same plug-in with every call checked. What it throws is PLUGIN_FAILED; an answer that its port does not allow is
 * PLUGIN_INVALID. Both name the plug-in and the method. The methods get contexts of the host.
 */
export function guardPlugin(plugin: Plugin, limit: CallLimit, host?: PluginHost): Plugin {
  return { ...guardMethods(plugin, limit, host), options: guardOptions(plugin, limit) };
}

function guardMethods(plugin: Plugin, limit: CallLimit, host: PluginHost | undefined): Plugin {
  switch (plugin.kind) {
    case 'criterion':
      return plugin.scoreModel === undefined
        ? guardCriterion(plugin, limit, host)
        : guardModelCriterion(plugin, limit, host);
    case 'compensation':
      return guardCompensation(plugin, limit, host);
    case 'evaluator':
      return guardEvaluator(plugin, limit, host);
    case 'predictor':
      return guardPredictor(plugin, limit, host);
    case 'strategy':
      return guardStrategy(plugin, limit, host);
    case 'exporter':
      return guardExporter(plugin, limit, host);
    case 'recovery':
      return guardRecovery(plugin, limit, host);
  }
}

/** A schema may run the author's own code (`refine`, `transform`). */
function guardOptions({ kind, id, options }: Plugin, limit: CallLimit): OptionsSchema<unknown> {
  const call = { kind, id, method: 'options.safeParse' } as const;
  return {
    safeParse: (value) => callPlugin(call, limit, () => options.safeParse(value)),
    parse: (value) => callPlugin(call, limit, () => options.parse(value)),
  };
}
