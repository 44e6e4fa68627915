import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { Family, RawConfig } from './family.js';
import { LLAMA } from './llama.js';
import { MINISTRAL } from './ministral.js';
import { MISTRAL } from './mistral.js';
import { QWEN2 } from './qwen2.js';
import { QWEN3 } from './qwen3.js';

/** All families that the engine runs. */
export const FAMILIES: readonly Family[] = [LLAMA, MISTRAL, MINISTRAL, QWEN2, QWEN3];

/** The family of a `model_type`. Throws MODEL_UNSUPPORTED, which lists the known families. */
export function findFamily(modelType: string): Family {
  const family = FAMILIES.find(({ id }) => id === modelType);
  if (family !== undefined) return family;
  const known = FAMILIES.map(({ id }) => id).join(', ');
  const name = JSON.stringify(modelType.slice(0, 64));
  throw new PrunecastError(
    'MODEL_UNSUPPORTED',
    `config.json: model_type ${name} is not a supported family; supported are ${known}`,
    {
      metadata: { feature: 'model_type', model_type: modelType.slice(0, 64), families: known },
    },
  );
}

/** The family of a config.json with this `model_type`. Throws as `findFamily` does. */
export function findFamilyOf(config: RawConfig, modelType: string): Family {
  return FAMILIES.find(({ claims }) => claims?.(config, modelType) === true) ?? findFamily(modelType);
}
