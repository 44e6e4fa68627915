import { PrunecastError, type FieldViolation } from '../errors/prunecast-error.js';
import type { Architecture, ModelShape } from './shape.js';

/**
 * Checks an architecture against the model it prunes.
 *
 * @param field the path of the architecture in the request, for the violations
 * @throws PrunecastError ARCHITECTURE_INVALID with one violation per field at fault
 */
export function validateArchitecture(shape: ModelShape, architecture: Architecture, field = 'architecture'): void {
  const violations =
    architecture.length === shape.layers.length
      ? architecture.flatMap((layer, index) => findLayerViolations(shape, layer, index, `${field}.layers[${index}]`))
      : [
          {
            field: `${field}.layers`,
            description: `has ${architecture.length} layers, the model has ${shape.layers.length}: give one entry per layer`,
          },
        ];
  if (violations.length === 0) return;
  throw new PrunecastError('ARCHITECTURE_INVALID', violations.map((v) => `${v.field}: ${v.description}`).join('; '), {
    violations,
  });
}

function findLayerViolations(
  shape: ModelShape,
  layer: Architecture[number],
  index: number,
  path: string,
): FieldViolation[] {
  const own = shape.layers[index];
  if (own === undefined) return [];
  const counts = [
    ['kv_heads', layer.kvHeads, own.kvHeads],
    ['query_heads_per_kv', layer.queryHeadsPerKv, own.queryHeadsPerKv],
    ['ffn_channels', layer.ffnChannels, own.ffnChannels],
  ] as const;
  const violations: FieldViolation[] = counts
    .filter(([, kept, most]) => !Number.isInteger(kept) || kept < 0 || kept > most)
    .map(([name, kept, most]) => ({
      field: `${path}.${name}`,
      description: `is ${kept}; the model allows 0 to ${most}`,
    }));
  if (violations.length === 0 && (layer.kvHeads === 0) !== (layer.queryHeadsPerKv === 0)) {
    violations.push({
      field: `${path}.query_heads_per_kv`,
      description: `is ${layer.queryHeadsPerKv} with kv_heads ${layer.kvHeads}: both are 0 if attention is dropped, and neither is otherwise`,
    });
  }
  return violations;
}
