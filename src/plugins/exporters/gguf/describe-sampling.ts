import type { PrunedModel } from '../../../core/ports/exporter.js';
import { parseJsonObject } from '../../../engine/files/read-json.js';
import type { GgufValue } from './write-gguf.js';

/** The entries of generation_config.json that llama.cpp samples by (its common/common.cpp), and their keys there. */
const KEYS = {
  temperature: { key: 'temp', type: 'float32' },
  top_k: { key: 'top_k', type: 'int32' },
  top_p: { key: 'top_p', type: 'float32' },
  min_p: { key: 'min_p', type: 'float32' },
  repetition_penalty: { key: 'penalty_repeat', type: 'float32' },
} as const;

/** How the makers of the model sample, unless they do not sample at all. */
export async function describeSampling({
  readSource,
}: Pick<PrunedModel, 'readSource'>): Promise<Record<string, GgufValue>> {
  const bytes = await readSource('generation_config.json');
  const config = bytes === undefined ? {} : parseJsonObject(bytes, 'generation_config.json');
  if (config['do_sample'] !== true) return {};
  return Object.fromEntries(
    Object.entries(KEYS).flatMap(([entry, { key, type }]): [string, GgufValue][] => {
      const value = config[entry];
      return typeof value === 'number' && Number.isFinite(value) ? [[`general.sampling.${key}`, { type, value }]] : [];
    }),
  );
}
