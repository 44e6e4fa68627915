import { basename, resolve } from 'node:path';
import type { Criterion } from '../../src/core/ports/criterion.js';
import { openCheckpoint } from '../../src/engine/checkpoint/open-checkpoint.js';
import { createCheckpointFiles } from '../../src/engine/files/checkpoint-files.js';
import { openLanguageModel } from '../../src/engine/open-language-model.js';
import { loadTokenizer } from '../../src/engine/tokenizer/tokenizer.js';
import obs from '../../src/plugins/criteria/obs.js';
import { readBenchText } from '../recipes/read-text.js';
import obsTogether from './obs-together.js';
import { readError, REMOVED_SHARES } from './removed-shares.js';

/** What removing several channels at a time costs in all FFNs of a model. */
export interface ModelErrors {
  readonly model: string;
  readonly channels: number;
  readonly layers: number;
  readonly calibration_tokens: number;
  readonly compared: readonly {
    /** Channels that go between two looks at the costs. */
    readonly together: number;
    readonly removed_share: number;
    /** How many times as large the calibration error is as if one channel went at a time, over the layers. */
    readonly mean_error: number;
    readonly worst_error: number;
  }[];
}

const SEQUENCE_TOKENS = 128;

export async function compareOnModel(
  asked: {
    readonly model: string;
    readonly calibration: string;
    readonly sequences: number;
    readonly threads: number;
  },
  counts: readonly number[],
): Promise<ModelErrors> {
  const directory = resolve(asked.model);
  const tokenizer = await loadTokenizer(createCheckpointFiles({ directory }));
  if (tokenizer === undefined) throw new Error(`${directory} has no tokenizer.json`);
  const model = await openLanguageModel(await openCheckpoint(directory), { threads: asked.threads });
  try {
    const { bosTokenId } = model.checkpoint.config;
    const text = await readBenchText(tokenizer, asked.calibration, bosTokenId);
    const sequences = text.sequences(asked.sequences, SEQUENCE_TOKENS);
    const work = { signal: new AbortController().signal };
    const calibration = await model.calibrate(sequences, ['gram'], work);
    /** The calibration errors of each layer, by the order in which `REMOVED_SHARES` has them. */
    const readErrors = async (criterion: Criterion, moduleUrl: URL, options: object): Promise<number[][]> => {
      const parsed = criterion.options.parse(options);
      const scores = await model.scoreUnits({ criterion, options: parsed, moduleUrl, seed: 0, work, calibration });
      return scores.map(({ ffnChannels }) => REMOVED_SHARES.map((share) => readError(ffnChannels, share)));
    };
    const exact = await readErrors(obs as Criterion, new URL('../../src/plugins/criteria/obs.js', import.meta.url), {});
    const compared: ModelErrors['compared'][number][] = [];
    for (const together of counts) {
      const url = new URL('obs-together.js', import.meta.url);
      const found = await readErrors(obsTogether as Criterion, url, { together });
      for (const [place, removedShare] of REMOVED_SHARES.entries()) {
        const times = found.map((errors, layer) => (errors[place] ?? NaN) / (exact[layer]?.[place] ?? NaN));
        const meanError = times.reduce((sum, ratio) => sum + ratio, 0) / times.length;
        compared.push({
          together,
          removed_share: removedShare,
          mean_error: meanError,
          worst_error: Math.max(...times),
        });
        console.log(`${together} at a time, ${100 * removedShare} % removed: ${meanError.toFixed(4)} times the error`);
      }
    }
    return {
      model: basename(directory),
      channels: model.shape.layers[0]?.ffnChannels ?? 0,
      layers: model.shape.layers.length,
      calibration_tokens: sequences.length * SEQUENCE_TOKENS,
      compared,
    };
  } finally {
    await model.close();
  }
}
