import { canonicalJson } from '../../core/canonical-json.js';
import { atField } from '../../core/errors/at-field.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EvaluationPlan, EvaluationText, RowsEvaluator, RowsProtocol } from '../../core/ports/evaluator.js';
import { WindowPreset, type FidelitySpec, type Text, type WindowProtocol } from '../../gen/prunecast/v1/common.js';
import { decodePrecision, planWindows, type ChosenEvaluator } from './decode-windows.js';
import { identifyPlugin } from './plugin-lookup.js';
import type { RequestServices } from './services.js';
import { withDocuments } from './window-preset.js';

/** What a request measures on, with the paths of these settings. */
export interface AskedMeasurement {
  readonly text: Text | undefined;
  /** How many tokens of a text are asked for; undefined for all. */
  readonly textTokens: number | undefined;
  readonly windows: WindowProtocol | undefined;
  readonly fidelity: FidelitySpec | undefined;
  /** The half-open range [from, to) as shares of windows or questions; everything by default. */
  readonly part?: { readonly from: number; readonly to: number };
  readonly fields: {
    readonly evaluator: string;
    readonly text: string;
    readonly windows: string;
    readonly fidelity: string;
  };
}

export interface PlannedPart {
  readonly plan: EvaluationPlan;
  /** undefined if the evaluator reads none. */
  readonly text: EvaluationText | undefined;
}

type MeasuringServices = Pick<RequestServices, 'model' | 'plugins' | 'loadText' | 'loadRows'>;

/**
 * What an evaluator runs for a request, on what it reads.
 *
 * @throws PrunecastError INVALID_REQUEST naming the field, TEXT_TOO_SHORT, PRECISION_UNAVAILABLE, MEMORY_EXCEEDED,
 * PLUGIN_NOT_FOUND and INVALID_OPTIONS of an exporter that the evaluator names, and those of texts
 */
export async function planMeasurement(
  services: MeasuringServices,
  evaluator: ChosenEvaluator,
  asked: AskedMeasurement,
): Promise<PlannedPart> {
  const planned = await plan(services, evaluator, asked).catch((error: unknown) => {
    throw atOwnField(error, asked.fields);
  });
  const { sequences, observe, fidelity } = planned.plan;
  if (sequences.length > 0 || observe?.timing !== undefined)
    services.model.requireMemory({ ...observe, sequences, precision: fidelity.precision });
  return { ...planned, plan: completeExporter(services, planned.plan, asked.fields.evaluator) };
}

/** The plan with complete options of the exporter that its checkpoints are written by, which its measurement names. */
function completeExporter(
  { plugins }: Pick<MeasuringServices, 'plugins'>,
  plan: EvaluationPlan,
  field: string,
): EvaluationPlan {
  const checkpoint = plan.observe?.checkpoint;
  if (checkpoint === undefined) return plan;
  const { exporter: id, options: given } = checkpoint;
  const exporter = plugins.resolve('exporter', { id, options: given as object }, id, `${field}.exporter`);
  return {
    ...plan,
    observe: { ...plan.observe, checkpoint: { exporter: id, options: exporter.options } },
    measurement: { ...plan.measurement, exporter: canonicalJson(identifyPlugin(exporter)) },
  };
}

async function plan(
  services: MeasuringServices,
  { plugin, options }: ChosenEvaluator,
  asked: AskedMeasurement,
): Promise<PlannedPart> {
  const { model } = services;
  const { text, fields } = asked;
  switch (plugin.reads) {
    case 'text': {
      const read = withDocuments(text, asked.windows, fields.windows);
      const loaded = await services.loadText(read, fields.text, asked.textTokens);
      return { text: loaded, plan: await planWindows(model, { plugin, options }, { ...asked, text: loaded }) };
    }
    case 'rows': {
      refuseWindows(plugin.id, asked, 'reads rows, which it does not cut into windows');
      return { text: undefined, plan: await planRows(services, { plugin, options }, asked) };
    }
    case 'nothing': {
      refuseWindows(plugin.id, asked, 'needs the model alone');
      if (text !== undefined)
        throw PrunecastError.ofField(fields.text, `is set, and the evaluator "${plugin.id}" needs the model alone`);
      const { shape, maxPositions, machine } = model;
      const planned = plugin.plan({ shape, maxPositions, machine }, options);
      return { text: undefined, plan: await requireOffered(model, planned) };
    }
  }
}

async function planRows(
  services: MeasuringServices,
  { plugin, options }: { readonly plugin: RowsEvaluator; readonly options: unknown },
  { text, fidelity, part, fields }: AskedMeasurement,
): Promise<EvaluationPlan> {
  const rows = await services.loadRows(text, plugin.folders, fields.text);
  const protocol: RowsProtocol = {
    precision: decodePrecision(fidelity, fields.fidelity),
    ...(fidelity?.tokenLimit === undefined ? {} : { tokenLimit: Number(fidelity.tokenLimit) }),
    ...(part === undefined ? {} : { part }),
  };
  const planned = await plugin.plan(rows, protocol, options).catch((error: unknown) => {
    throw atField(error, fields.text);
  });
  return requireOffered(services.model, planned);
}

/** An evaluator knows the token limit and its options, but not where the request has them. */
function atOwnField(error: unknown, { evaluator, fidelity }: AskedMeasurement['fields']): unknown {
  const [violation] = error instanceof PrunecastError ? error.violations : [];
  if (!(error instanceof PrunecastError) || violation === undefined) return error;
  const { field, description } = violation;
  const above = field === 'token_limit' ? fidelity : field.startsWith('options.') ? evaluator : undefined;
  return above === undefined ? error : PrunecastError.ofField(`${above}.${field}`, description, error.reason);
}

async function requireOffered(
  model: Pick<RequestServices['model'], 'requirePrecision'>,
  plan: EvaluationPlan,
): Promise<EvaluationPlan> {
  await model.requirePrecision(plan.fidelity.precision);
  return plan;
}

function refuseWindows(id: string, { windows, fields }: AskedMeasurement, why: string): void {
  const set = (['window', 'stride', 'bos', 'preset'] as const).find(
    (name) => windows?.[name] !== undefined && windows[name] !== WindowPreset.UNSPECIFIED,
  );
  if (set !== undefined)
    throw PrunecastError.ofField(`${fields.windows}.${set}`, `is set, and the evaluator "${id}" ${why}`);
}
