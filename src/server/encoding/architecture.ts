import type { Architecture } from '../../core/model/shape.js';
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

export function decodeKeptUnits(message: KeptUnitsMessage): KeptUnits {
  return message.layers.map(({ kvGroups, queryHeads, ffnChannels }) => ({ kvGroups, queryHeads, ffnChannels }));
}

export function encodeKeptUnits(kept: KeptUnits): KeptUnitsMessage {
  return {
    layers: kept.map(({ kvGroups, queryHeads, ffnChannels }) => ({
      kvGroups: [...kvGroups],
      queryHeads: [...queryHeads],
      ffnChannels: [...ffnChannels],
    })),
  };
}

/** The architecture as a short text, equal for equal architectures: the last part of a label's key. */
export function architectureKey(architecture: Architecture): string {
  return architecture
    .map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => `${kvHeads}.${queryHeadsPerKv}.${ffnChannels}`)
    .join(' ');
}
