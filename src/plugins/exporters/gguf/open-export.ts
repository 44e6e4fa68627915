import { join } from 'node:path';
import { orAborted } from '../../../core/or-aborted.js';
import { identityRanking } from '../../../core/model/units.js';
import type { OpenedExport } from '../../../core/ports/exporter.js';
import type { WorkContext } from '../../../core/ports/work-context.js';
import { DTYPE_ROUNDING } from '../../../engine/checkpoint/dtype.js';
import { detectMemoryBudgetBytes, detectThreads } from '../../../engine/runtime/resource-limits.js';
import { describeWeights } from './describe-weights.js';
import { readGguf, type GgufFile } from './read-gguf.js';
import { GGUF_FILE, type GgufType } from './write-gguf.js';

/** One sequence needs no layer twice: the rest of the memory is for the model that the export is compared with. */
const MEMORY_SHARE = 0.25;

/** The most that rounding changes a value, as a share of the largest of its block, or for floats of the value. */
const ROUNDING: Readonly<Record<GgufType, number>> = { ...DTYPE_ROUNDING, Q8_0: 1 / 254, Q4_0: 1 / 16 };

/** Opens the GGUF file of a folder: what it says, computed by the engine from its dequantised weights. */
export async function openGgufExport(directory: string, work: WorkContext): Promise<OpenedExport> {
  const file = await readGguf(join(directory, GGUF_FILE));
  try {
    const { source, tensors } = await describeWeights(file);
    const { hidden, headDim, vocabulary, layers } = source.config.shape;
    // Loads ONNX Runtime only here: other uses of the exporter do not compute.
    const { createModelRuntime } = await import('../../../engine/runtime/model-runtime.js');
    const runtime = createModelRuntime(source, {
      threads: detectThreads(),
      memoryBudgetBytes: Math.floor(MEMORY_SHARE * detectMemoryBudgetBytes()),
    });
    const type = findCoarsest(file);
    const recipe = { ranking: identityRanking(layers), key: 'as in the file' };
    const compute = (tokens: Int32Array): Promise<Float32Array> => runtime.logits(recipe, layers, tokens, work);
    return {
      shape: { hidden, headDim, vocabulary },
      architecture: layers,
      storage: { type, rounding: ROUNDING[type] },
      tensors,
      logits: (tokens) => orAborted(compute(tokens), work.signal),
      close: async () => {
        await runtime.close();
        await file.close();
      },
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function findCoarsest({ tensors }: GgufFile): GgufType {
  const types = [...tensors.values()].map(({ type }) => type);
  return types.reduce<GgufType>((coarsest, type) => (ROUNDING[type] > ROUNDING[coarsest] ? type : coarsest), 'F32');
}
