import type { Architecture } from '../../core/model/shape.js';
import { packUnits } from '../../core/model/unit-bitmap.js';
import type { KeptUnits } from '../../core/model/units.js';
import type {
  Architecture as ArchitectureMessage,
  KeptUnits as KeptUnitsMessage,
} from '../../gen/prunecast/v1/common.js';

export function encodeArchitecture(architecture: Architecture): ArchitectureMessage {
  return { layers: architecture.map((layer) => ({ ...layer })) };
}

/** @param own the unpruned architecture; its counts give the size of the bitmaps */
export function encodeKeptUnits(kept: KeptUnits, own: Architecture): KeptUnitsMessage {
  return {
    layers: kept.map(({ kvGroups, queryHeads, ffnChannels }, index) => {
      const dense = own[index];
      if (dense === undefined) throw new RangeError(`the model has no layer ${index}`);
      return {
        kvGroups: Buffer.from(packUnits(kvGroups, dense.kvHeads)),
        queryHeads: Buffer.from(packUnits(queryHeads, dense.kvHeads * dense.queryHeadsPerKv)),
        ffnChannels: Buffer.from(packUnits(ffnChannels, dense.ffnChannels)),
      };
    }),
  };
}
