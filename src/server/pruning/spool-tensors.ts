import type { PrunedModel, PrunedTensor } from '../../core/ports/exporter.js';
import { DTYPE_BYTES } from '../../engine/checkpoint/dtype.js';
import { placeIn } from '../../engine/checkpoint/piece-memory.js';
import { readPieces } from '../../engine/checkpoint/read-pieces.js';
import { openScratchFile, readFully, writeFully } from '../../engine/files/read-write.js';

/** A model whose computed tensors are computed once, however often they are read. */
export interface SpooledModel {
  readonly model: PrunedModel;
  /** Removes what was kept. */
  close(): Promise<void>;
}

/**
 * Keeps tensors in a file when they are first read: exporters read them one by one, each in its own order, and memory
 * is to hold one of them.
 *
 * @param computed the names of the tensors that are kept
 * @param directory where the file lies; it has no name there
 */
export async function spoolTensors(
  pruned: PrunedModel,
  computed: ReadonlySet<string>,
  directory: string,
): Promise<SpooledModel> {
  const handle = await openScratchFile(directory);
  let end = 0;
  const spool = (tensor: PrunedTensor): PrunedTensor => {
    const [rows = 1] = tensor.shape;
    const rowBytes = countBytes(tensor) / rows;
    let kept: Promise<number> | undefined;
    const keep = async (): Promise<number> => {
      const position = end;
      end += rows * rowBytes;
      let written = position;
      for await (const piece of readPieces(tensor, rows * rowBytes)) {
        await writeFully(handle, piece, written);
        written += piece.length;
      }
      return position;
    };
    return {
      ...tensor,
      read: async ({ first, count } = { first: 0, count: rows }, memory) => {
        const position = await (kept ??= keep());
        const bytes = placeIn(memory, count * rowBytes);
        await readFully(handle, bytes, position + first * rowBytes, tensor.name);
        return bytes;
      },
    };
  };
  return {
    model: {
      ...pruned,
      tensors: pruned.tensors.map((tensor) => (computed.has(tensor.name) ? spool(tensor) : tensor)),
    },
    close: () => handle.close(),
  };
}

/** The bytes that `spoolTensors` keeps at most. */
export function countSpooledBytes({ tensors }: Pick<PrunedModel, 'tensors'>, computed: ReadonlySet<string>): number {
  return tensors.reduce((sum, tensor) => sum + (computed.has(tensor.name) ? countBytes(tensor) : 0), 0);
}

function countBytes({ shape, dtype }: Pick<PrunedTensor, 'shape' | 'dtype'>): number {
  return shape.reduce((product, size) => product * size, DTYPE_BYTES[dtype]);
}
