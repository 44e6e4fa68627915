/**
 * The layers that keep everything by default: the first round(3/32 L) and the last round(2/32 L) of L, ascending. With
 * 32 layers they are the paper's first three and last two (arXiv 2309.09507).
 */
export function defaultProtectedLayers(layers: number): number[] {
  const first = Math.round((3 / 32) * layers);
  const last = Math.round((2 / 32) * layers);
  return Array.from({ length: layers }, (_, layer) => layer).filter((layer) => layer < first || layer >= layers - last);
}
