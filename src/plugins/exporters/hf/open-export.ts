import type { OpenedExport } from '../../../core/ports/exporter.js';
import type { WorkContext } from '../../../core/ports/work-context.js';
import { orAborted } from '../../../core/or-aborted.js';
import type { TensorDtype } from '../../../engine/checkpoint/checkpoint.js';
import { DTYPE_ROUNDING } from '../../../engine/checkpoint/dtype.js';
import { openCheckpoint } from '../../../engine/checkpoint/open-checkpoint.js';
import { detectMemoryBudgetBytes } from '../../../engine/runtime/resource-limits.js';

/** One sequence needs no layer twice: the rest of the memory is for the model that the export is compared with. */
const MEMORY_SHARE = 0.25;

/** Opens a Hugging Face folder by the engine: what its config.json and safetensors files say, and nothing else. */
export async function openCheckpointExport(directory: string, { signal }: WorkContext): Promise<OpenedExport> {
  const checkpoint = await openCheckpoint(directory, { roots: [directory], signal });
  // Loads its thread only here: other uses of the exporter do not compute.
  const { openLanguageModel } = await import('../../../engine/open-language-model.js');
  const language = await openLanguageModel(checkpoint, {
    memoryBudgetBytes: Math.floor(MEMORY_SHARE * detectMemoryBudgetBytes()),
  });
  const { hidden, headDim, vocabulary, layers } = checkpoint.shape;
  const type = findCoarsest([...checkpoint.tensors.values()].map(({ dtype }) => dtype));
  return {
    shape: { hidden, headDim, vocabulary },
    architecture: layers,
    storage: { type, rounding: DTYPE_ROUNDING[type] },
    logits: (tokens) => orAborted(language.logits(tokens), signal),
    close: () => language.close(),
  };
}

function findCoarsest(types: readonly TensorDtype[]): TensorDtype {
  return types.reduce((coarsest, type) => (DTYPE_ROUNDING[type] > DTYPE_ROUNDING[coarsest] ? type : coarsest), 'F32');
}
