import type { PrunedModel, PrunedTensor } from '../../core/ports/exporter.js';
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
 * @param computed the names of the tensors that take long to compute
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
    let kept: Promise<{ readonly position: number; readonly length: number }> | undefined;
    const keep = async () => {
      const bytes = await tensor.read();
      const place = { position: end, length: bytes.length };
      end += bytes.length;
      await writeFully(handle, bytes, place.position);
      return place;
    };
    return {
      ...tensor,
      read: async () => {
        const { position, length } = await (kept ??= keep());
        const bytes = new Uint8Array(length);
        await readFully(handle, bytes, position, tensor.name);
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
