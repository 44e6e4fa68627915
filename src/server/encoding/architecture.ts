import type { Architecture } from '../../core/model/shape.js';
import { packUnits, unpackUnits } from '../../core/model/unit-bitmap.js';
import type { KeptUnits } from '../../core/model/units.js';
import type {
  Architecture as ArchitectureMessage,
  KeptUnits as KeptUnitsMessage,
} from '../../gen/prunecast/v1/common.js';

export function decodeArchitecture(message: ArchitectureMessage): Architecture {
  return message.layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({ kvHeads, queryHeadsPerKv, ffnChannels }));
}

export function encodeArchitecture(architecture: Architecture): ArchitectureMessage {
  return { layers: architecture.map((layer) => ({ ...layer })) };
}

/**
 * The units of a message, each kind ascending. A unit that the model does not have is the last of its kind: `rankKeptFirst`
 * refuses it.
 *
 * @param own the unpruned architecture
 */
export function decodeKeptUnits(message: KeptUnitsMessage, own: Architecture): KeptUnits {
  return message.layers.map(({ kvGroups, queryHeads, ffnChannels }, index) => {
    const dense = own[index] ?? { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 0 };
    return {
      kvGroups: unpackUnits(kvGroups, dense.kvHeads),
      queryHeads: unpackUnits(queryHeads, dense.kvHeads * dense.queryHeadsPerKv),
      ffnChannels: unpackUnits(ffnChannels, dense.ffnChannels),
    };
  });
}

/** @param own the unpruned architecture, whose counts size the bitmaps */
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

/** The architecture as a short text, equal for equal architectures: the last part of a label's key. */
export function architectureKey(architecture: Architecture): string {
  return architecture
    .map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => `${kvHeads}.${queryHeadsPerKv}.${ffnChannels}`)
    .join(' ');
}
