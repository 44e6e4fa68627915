import type { OpenedExport, RowRange, StoredValues } from '../../../core/ports/exporter.js';
import type { WorkContext } from '../../../core/ports/work-context.js';
import { orAborted } from '../../../core/or-aborted.js';
import type { Checkpoint, TensorDtype } from '../../../engine/checkpoint/checkpoint.js';
import { decodeInto, DTYPE_BYTES, DTYPE_ROUNDING, listHalfSteps } from '../../../engine/checkpoint/dtype.js';
import { openCheckpoint } from '../../../engine/checkpoint/open-checkpoint.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { listTensors } from '../../../engine/families/list-tensors.js';
import { detectMemoryBudgetBytes } from '../../../engine/runtime/resource-limits.js';

/** One sequence needs no layer twice: the rest of the memory is for the model that the export is compared with. */
const MEMORY_SHARE = 0.25;

/** Opens a Hugging Face folder by the engine: what its config.json and safetensors files say, and nothing else. */
export async function openCheckpointExport(directory: string, work: WorkContext): Promise<OpenedExport> {
  const checkpoint = await openCheckpoint(directory, { roots: [directory], ...work });
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
    tensors: listTensors(findFamily(checkpoint.shape.family), checkpoint.shape).map(({ name, shape }) => ({
      name,
      shape,
      read: (rows) => readStored(checkpoint, name, rows),
    })),
    logits: (tokens) => orAborted(language.logits(tokens, undefined, work), work.signal),
    close: () => language.close(),
  };
}

async function readStored(checkpoint: Checkpoint, name: string, rows: RowRange | undefined): Promise<StoredValues> {
  const { dtype } = checkpoint.tensors.get(name) ?? { dtype: 'F32' };
  const bytes = await checkpoint.readBytes(name, rows);
  const values = new Float32Array(bytes.length / DTYPE_BYTES[dtype]);
  decodeInto(values, bytes, dtype);
  return { values, maxErrors: listHalfSteps(values, dtype) };
}

function findCoarsest(types: readonly TensorDtype[]): TensorDtype {
  return types.reduce((coarsest, type) => (DTYPE_ROUNDING[type] > DTYPE_ROUNDING[coarsest] ? type : coarsest), 'F32');
}
