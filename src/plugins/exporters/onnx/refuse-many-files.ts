import type { ModelShape } from '../../../core/model/shape.js';
import { findFamily } from '../../../engine/families/find-family.js';
import { listTensors } from '../../../engine/families/list-tensors.js';
import { countDataFiles } from '../../../engine/graph/write-onnx.js';
import { listStored } from './list-stored.js';
import type { MatrixType } from './matrix-type.js';

/** Files of external data that transformers.js reads at most (its src/utils/hub.js, MAX_EXTERNAL_DATA_CHUNKS). */
const MOST_FILES = 100;

/** Why a graph would have too many files; undefined if it has not. */
export function refuseManyFiles(shape: ModelShape, type: MatrixType, fileBytes: number): string | undefined {
  const tensors = listTensors(findFamily(shape.family), shape).flatMap((tensor) => listStored(tensor, type));
  const files = countDataFiles(tensors, fileBytes);
  return files <= MOST_FILES
    ? undefined
    : `shard_bytes ${fileBytes} makes ${files} files of weights, and transformers.js reads at most ${MOST_FILES}; raise it`;
}
