import type { LayerArchitecture } from '../../core/model/shape.js';
import type { UnitScores } from '../../core/model/unit-scores.js';
import { identityRanking } from '../../core/model/units.js';
import type { Breathe } from '../../core/ports/compensation.js';
import type { WorkContext } from '../../core/ports/work-context.js';
import type { Calibration } from '../calibration/calibration.js';
import type { HalfPlace } from '../calibration/gram-store.js';
import { computeGradients } from '../gradients/compute-gradients.js';
import type { ScoredLayer } from '../ranking/list-units.js';
import { scoreLayer, type ReadHalf, type Scoring } from '../ranking/score-layer.js';
import type { RankedWeights } from '../weights/half-blocks.js';
import { loadAttention, loadFfn, type WeightSource } from '../weights/layer-weights.js';
import type { ModelMemory } from './model-memory.js';

/** A criterion's scores of all units, layer by layer. */
export async function scoreUnits(
  source: WeightSource,
  recipe: Scoring,
  { calibration, grams }: { readonly calibration: Calibration | undefined; readonly grams: GramReader | undefined },
  work: WorkContext,
): Promise<UnitScores[]> {
  const { shape } = source.config;
  const scores: UnitScores[] = [];
  for (const layer of shape.layers.keys()) {
    work.signal.throwIfAborted();
    const scored = { ...(await readLayer(source, layer)), statistics: calibration?.layers[layer] };
    scores.push(
      await scoreLayer(
        shape,
        layer,
        scored,
        { ...recipe, signal: work.signal },
        readHalfOf(shape.hidden, layer, scored, grams),
      ),
    );
    work.report?.({ activity: 'scoring units', what: 'layers', done: layer + 1, total: shape.layers.length });
  }
  return scores;
}

/** What criteria with need `gram` use. */
export interface GramReader extends Pick<ModelMemory, 'multiplyTransposed'> {
  /** float32, in the model's own order; undefined: not calibrated. */
  readonly read: (place: HalfPlace) => Promise<Float32Array | undefined>;
  readonly breathe: Breathe;
}

function readHalfOf(
  hidden: number,
  layer: number,
  { attention, ffn }: ScoredLayer,
  grams: GramReader | undefined,
): ReadHalf | undefined {
  if (grams === undefined) return undefined;
  const { read, multiplyTransposed, breathe } = grams;
  return async (half, unitsTogether) => {
    const weights = half === 'attention' ? attention?.output : ffn?.down;
    const gram = await read({ layer, half });
    if (weights === undefined || gram === undefined) return undefined;
    const rows = weights.length / hidden;
    return { weights, rows, hidden, gram: Float64Array.from(gram), unitsTogether, multiplyTransposed, breathe };
  };
}

/** The same for a criterion that needs gradients, which come last layer first. */
export async function scoreUnitsByGradients(
  source: WeightSource,
  { memory, weights }: { readonly memory: ModelMemory; readonly weights: RankedWeights },
  recipe: Scoring,
  {
    calibration,
    sequences,
    grams,
  }: {
    readonly calibration: Calibration;
    readonly sequences: readonly Int32Array[];
    readonly grams: GramReader | undefined;
  },
  work: WorkContext,
): Promise<UnitScores[]> {
  const { config } = source;
  const { shape } = config;
  const { wholeHead, ...call } = await memory.startCall(sequences, { needs: ['gradients'] });
  const context = { ...call, config, sessions: memory.sessions, head: wholeHead, weights };
  const scores: UnitScores[] = [];
  const total = shape.layers.length;
  const tell = (share: number): void =>
    work.report?.({ activity: 'scoring units', what: 'layers', done: total * share, total });
  for await (const { layer, halves, gradients } of computeGradients(context, sequences, work.signal, tell)) {
    const { attention, ffn } = halves;
    const scored = {
      own: shape.layers[layer] as LayerArchitecture,
      attention: attention.kind === 'attention' ? attention.weights : undefined,
      ffn: ffn.kind === 'ffn' ? ffn.weights : undefined,
      statistics: calibration.layers[layer],
      gradients,
    };
    scores[layer] = await scoreLayer(
      shape,
      layer,
      scored,
      { ...recipe, signal: work.signal },
      readHalfOf(shape.hidden, layer, scored, grams),
    );
  }
  return scores;
}

/** One layer's weights, its units in their own order. Throws RangeError if the model has no such layer. */
export async function readLayer(source: WeightSource, layer: number): Promise<Omit<ScoredLayer, 'statistics'>> {
  const own = source.config.shape.layers[layer] as LayerArchitecture;
  const [ranking] = identityRanking([own]);
  if (ranking === undefined) throw new RangeError(`the model has no layer ${layer}`);
  return {
    own,
    attention: own.kvHeads === 0 ? undefined : await loadAttention(source, layer, ranking, own.queryHeadsPerKv),
    ffn: own.ffnChannels === 0 ? undefined : await loadFfn(source, layer, ranking),
  };
}
