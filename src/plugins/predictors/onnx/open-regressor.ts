import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import { countRows } from '../../../core/pairs.js';
import type { FittedPredictor } from '../../../core/ports/predictor.js';
import { loadOnnxRuntime, type InferenceSession, type Tensor } from '../../../onnx-runtime/load-onnx-runtime.js';

/** How a regressor's file is run, and how its output is read. */
export interface RegressorForm {
  readonly dimensions: number;
  /** Name of the output; empty for the only one. */
  readonly output: string;
  /** The column of the output, and how many columns there may be. */
  readonly metric: number;
  readonly metrics: number;
  /** From the regressor's unit to the scale of the fit. */
  readonly conversion: 'none' | 'log' | 'exp';
}

/** Rows per run, if the file itself does not fix them. Kernels round a row the same way wherever it stands. */
const BATCH_ROWS = 64;

/**
 * A regressor's file, checked and ready to run. Loads ONNX Runtime: call this in a worker thread.
 *
 * @throws PrunecastError REGRESSOR_INVALID that says what the file has and what is needed
 */
export async function openRegressor(bytes: Uint8Array, form: RegressorForm): Promise<FittedPredictor> {
  const { InferenceSession: Session, Tensor: TensorClass } = await loadOnnxRuntime();
  const session = await compile(Session, bytes);
  const { input, rows } = checkInput(session, form);
  const { output, width } = checkOutput(session, form);
  const column = width === 1 ? 0 : form.metric;
  const convert = CONVERSIONS[form.conversion];
  return {
    predict: async (batch) => {
      const count = countRows(batch);
      const mean = new Float64Array(count);
      for (let from = 0; from < count; from += rows) {
        const chunk = new Float32Array(rows * form.dimensions);
        chunk.set(batch.rates.subarray(from * form.dimensions, (from + rows) * form.dimensions));
        const answers = await session.run({ [input]: new TensorClass('float32', chunk, [rows, form.dimensions]) }, [
          output,
        ]);
        const values = readAnswer(answers[output], rows * width);
        for (let row = from; row < Math.min(count, from + rows); row++) {
          const value = convert(values[(row - from) * width + column] as number);
          if (!Number.isFinite(value))
            throw new PrunecastError(
              'PREDICTOR_FAILED',
              `the regressor answered ${values[(row - from) * width + column]} for row ${row}, which is no value of the metric: check the option unit`,
            );
          mean[row] = value;
        }
      }
      return { mean };
    },
    save: () => {
      const header = new TextEncoder().encode(JSON.stringify(form));
      const saved = new Uint8Array(4 + header.length + bytes.length);
      new DataView(saved.buffer).setUint32(0, header.length, true);
      saved.set(header, 4);
      saved.set(bytes, 4 + header.length);
      return saved;
    },
  };
}

const CONVERSIONS = { none: (value: number) => value, log: Math.log, exp: Math.exp } as const;

async function compile(Session: typeof InferenceSession, bytes: Uint8Array): Promise<InferenceSession> {
  try {
    return await Session.create(bytes, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      logSeverityLevel: 3,
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // The words of ONNX Runtime differ with its version and the process's folder.
    if (/external data|model_path/i.test(message))
      throw invalid('keeps tensors in a file of their own: save it with all of them inside');
    throw invalid(`is not a model that ONNX Runtime loads: ${message}`);
  }
}

type ValueMetadata = InferenceSession['inputMetadata'][number];

/** The name of the input, and the number of rows per run. */
function checkInput(
  { inputMetadata: inputs }: InferenceSession,
  { dimensions }: RegressorForm,
): { readonly input: string; readonly rows: number } {
  const [input] = inputs;
  if (input === undefined || inputs.length > 1)
    throw invalid(`has ${inputs.length} inputs (${listNames(inputs)}); it needs one, float [N, ${dimensions}]`);
  const { shape } = requireFloats(input, 'input');
  const [rows, columns] = shape;
  if (shape.length !== 2)
    throw invalid(`has an input "${input.name}" of shape ${formatShape(shape)}; it needs [N, ${dimensions}]`);
  if (typeof columns === 'number' && columns !== dimensions)
    throw invalid(`takes ${columns} columns in "${input.name}"; the pairs have ${dimensions}, features included`);
  return { input: input.name, rows: typeof rows === 'number' && rows > 0 ? rows : BATCH_ROWS };
}

/** The name of the output, and its number of values per row. */
function checkOutput(
  { outputMetadata: outputs }: InferenceSession,
  { output: name, metrics }: RegressorForm,
): { readonly output: string; readonly width: number } {
  const output =
    name === '' && outputs.length === 1 ? outputs[0] : outputs.find((candidate) => candidate.name === name);
  if (output === undefined)
    throw invalid(
      name === ''
        ? `has ${outputs.length} outputs (${listNames(outputs)}): name one in the option output`
        : `has no output "${name}"; it has ${listNames(outputs)}`,
    );
  const { shape } = requireFloats(output, 'output');
  const width = shape.length === 1 ? 1 : shape[1];
  if (shape.length < 1 || shape.length > 2)
    throw invalid(
      `has an output "${output.name}" of shape ${formatShape(shape)}; it needs [N], [N, 1] or [N, metrics]`,
    );
  if (typeof width !== 'number')
    throw invalid(
      `does not say how many values "${output.name}" has a row (${formatShape(shape)}); it needs [N], [N, 1] or [N, ${metrics}]`,
    );
  if (width !== metrics && !(width === 1 && metrics === 1))
    throw invalid(
      `answers ${width} values a row in "${output.name}"; the fit has ${metrics === 1 ? '1 metric' : `${metrics} metrics`}`,
    );
  return { output: output.name, width };
}

function requireFloats(
  value: ValueMetadata,
  kind: 'input' | 'output',
): Extract<ValueMetadata, { readonly isTensor: true }> {
  if (!value.isTensor || value.type !== 'float32')
    throw invalid(`has an ${kind} "${value.name}" of ${value.isTensor ? value.type : 'no tensor'}; float32 is needed`);
  return value;
}

function readAnswer(answer: Tensor | undefined, length: number): Float32Array {
  const values = answer?.data;
  if (!(values instanceof Float32Array) || values.length !== length)
    throw new PrunecastError(
      'PREDICTOR_FAILED',
      `the regressor answered ${values?.length ?? 0} values where ${length} were due`,
    );
  return values;
}

function listNames(values: readonly ValueMetadata[]): string {
  return values.map(({ name }) => name).join(', ') || 'none';
}

function formatShape(shape: readonly (number | string)[]): string {
  return `[${shape.join(', ')}]`;
}

function invalid(problem: string): PrunecastError {
  return new PrunecastError('REGRESSOR_INVALID', `the regressor's file ${problem}`, {
    violations: [{ field: 'predictor.options.path', description: problem }],
  });
}
