import { exportedShape } from '../../core/model/add-output-biases.js';
import type { Architecture, ModelShape } from '../../core/model/shape.js';
import type { ExportSupport } from '../../core/ports/exporter.js';
import type { ChosenExporter } from './output-plan.js';

/** A pruned model's sizes as an exporter writes them: its format may need more biases, or have numbers of another width. */
export function writtenShape(shape: ModelShape, supported: ExportSupport): ModelShape {
  if (!supported.ok) return shape;
  const { biases, numberBytes } = supported;
  return {
    ...shape,
    ...(biases === undefined ? {} : { biases }),
    ...(numberBytes === undefined ? {} : { numberBytes }),
  };
}

/** The sizes of the output of a model before it is pruned, with the biases that a recipe's compensation adds. */
export function planWrittenShape(
  shape: ModelShape,
  architecture: Architecture,
  { exporter, options }: ChosenExporter,
  compensation: { readonly plugin: { readonly addsBias: boolean } } | undefined,
): ModelShape {
  const biases = compensation?.plugin.addsBias === true ? 'added' : 'none';
  return writtenShape(
    exportedShape(shape, architecture, compensation),
    exporter.supports(shape, architecture, biases, options),
  );
}
