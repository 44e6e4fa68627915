import type { Architecture } from './shape.js';

/** An architecture without the layers that keep nothing, which some formats leave out. */
export function withoutEmpty(architecture: Architecture): Architecture {
  return architecture.filter(({ kvHeads, ffnChannels }) => kvHeads > 0 || ffnChannels > 0);
}
