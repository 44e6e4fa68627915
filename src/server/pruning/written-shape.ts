import { measureCost } from '../../core/budget/cost-model.js';
import { createCostModel } from '../../core/budget/cost-spec.js';
import { exportedShape } from '../../core/model/add-output-biases.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { ExportSupport } from '../../core/ports/exporter.js';
import type { ChosenExporter } from './output-plan.js';

/**
 * A pruned model's sizes as an exporter writes them: its format may need more biases, have numbers of another width, or
 * zeros in place of what is dropped.
 */
export function writtenShape(shape: ModelShape, supported: ExportSupport): ModelShape {
  if (!supported.ok) return shape;
  const { biases, layers, numberBytes } = supported;
  return {
    ...shape,
    ...(biases === undefined ? {} : { biases }),
    ...(layers === undefined ? {} : { layers }),
    ...(numberBytes === undefined ? {} : { numberBytes }),
  };
}

/** Bytes of a pruned model's weights as an exporter writes them. */
export function countExportedBytes(shape: ModelShape, supported: ExportSupport): number {
  const written = writtenShape(shape, supported);
  return countOutputBytes(written, written.layers);
}

/** Bytes of a model's weights. */
export function countOutputBytes(shape: ModelShape, architecture: Architecture): number {
  return measureCost(createCostModel(shape, { kind: 'weight_bytes' }), architecture);
}

/** What adds biases to the output of a model before it is pruned. */
type AddsBias = { readonly plugin: { readonly addsBias: boolean } } | undefined;

/** The sizes of the output of a model before it is pruned, with the biases that a recipe's compensation adds. */
export function planWrittenShape(
  shape: ModelShape,
  architecture: Architecture,
  planned: ChosenExporter,
  compensation: AddsBias,
): ModelShape {
  return writtenShape(
    exportedShape(shape, architecture, compensation),
    askExporter(shape, architecture, planned, compensation),
  );
}

/** The bytes of its weights. */
export function planExportedBytes(
  shape: ModelShape,
  architecture: Architecture,
  planned: ChosenExporter,
  compensation: AddsBias,
): number {
  return countExportedBytes(
    exportedShape(shape, architecture, compensation),
    askExporter(shape, architecture, planned, compensation),
  );
}

function askExporter(
  shape: ModelShape,
  architecture: Architecture,
  { exporter, options }: ChosenExporter,
  compensation: AddsBias,
): ExportSupport {
  return exporter.supports(shape, architecture, compensation?.plugin.addsBias === true ? 'added' : 'none', options);
}
