import type { WrittenCheckpoint } from '../../core/ports/evaluator.js';
import type { ScoredModel } from '../../core/ports/criterion.js';
import { createRng } from '../../core/random.js';
import { openCheckpoint } from '../../engine/checkpoint/open-checkpoint.js';
import { describeScored } from '../../engine/ranking/score-model.js';

const SEED = 1;
const SEQUENCES = 4;
const TOKENS = 32;

/** A checkpoint folder as the kits show it to plug-ins that read one themselves; the tokens are made up. */
export async function readModel(
  directory: string,
): Promise<{ readonly model: ScoredModel; readonly checkpoint: WrittenCheckpoint }> {
  const opened = await openCheckpoint(directory);
  await opened.close();
  const { shape, digest, weightBytes, tensors } = opened;
  const rng = createRng(SEED).fork('tokens');
  const sequences = Array.from({ length: SEQUENCES }, () =>
    Int32Array.from({ length: TOKENS }, () => rng.integer(shape.vocabulary)),
  );
  const files = [...new Set([...tensors.values()].map(({ file }) => file))];
  return {
    model: describeScored(opened, sequences, SEED),
    checkpoint: { directory, sourceDigest: digest, files, bytes: weightBytes },
  };
}
