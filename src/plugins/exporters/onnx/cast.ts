import { ELEMENT_TYPES, type ElementType, type GraphBuilder } from '../../../engine/graph/graph-builder.js';

/** Values as another type; themselves if they have it. */
export function cast(graph: GraphBuilder, values: string, from: ElementType, to: ElementType): string {
  return from === to ? values : graph.node('Cast', [values], { attributes: { to: BigInt(ELEMENT_TYPES[to]) } });
}
