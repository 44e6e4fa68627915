import type { Architecture } from '../../core/model/shape.js';
import { unpackUnits } from '../../core/model/unit-bitmap.js';
import type { KeptUnits } from '../../core/model/units.js';
import type {
  Architecture as ArchitectureMessage,
  KeptUnits as KeptUnitsMessage,
} from '../../gen/prunecast/v1/common.js';

export function decodeArchitecture(message: ArchitectureMessage): Architecture {
  return message.layers.map(({ kvHeads, queryHeadsPerKv, ffnChannels }) => ({ kvHeads, queryHeadsPerKv, ffnChannels }));
}

/**
 * The units of a message, each kind ascending. A unit that the model does not have comes last in its kind:
 * `rankKeptFirst` refuses it.
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
