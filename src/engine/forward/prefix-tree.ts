import type { Architecture } from '../../core/model/shape.js';
import { type HalfStep, isDropped, listSteps } from '../weights/half-blocks.js';

/** Hidden states that one or more architectures have in common. */
export interface PrefixNode {
  /** What leads here from the parent; undefined at the root, the embedded tokens. */
  readonly step: HalfStep | undefined;
  readonly children: readonly PrefixNode[];
  /** The architectures that end here, by their index. */
  readonly ends: readonly number[];
  /** Hidden states of all windows that a walk must hold at once besides the one in work. */
  readonly heldStates: number;
  /** Steps in the tree below. */
  readonly steps: number;
}

/**
 * The tree of all architectures' half-blocks: what agrees up to a half-block is computed once. A dropped half-block is
 * no step at all, unless `keepDropped` asks for it (a compensation may leave a bias in its place).
 */
export function buildPrefixTree(architectures: readonly Architecture[], keepDropped = false): PrefixNode {
  const root = createNode(undefined);
  architectures.forEach((architecture, index) => {
    let node = root;
    for (const step of listSteps(architecture)) {
      if (!keepDropped && isDropped(step)) continue;
      const key = JSON.stringify(step);
      const child = node.children.get(key) ?? createNode(step);
      node.children.set(key, child);
      node = child;
    }
    node.ends.push(index);
  });
  return finishNode(root);
}

interface GrowingNode {
  readonly step: HalfStep | undefined;
  readonly children: Map<string, GrowingNode>;
  readonly ends: number[];
}

function createNode(step: HalfStep | undefined): GrowingNode {
  return { step, children: new Map(), ends: [] };
}

/** Children that hold least come first: the last one may take the node's own states over. */
function finishNode({ step, children, ends }: GrowingNode): PrefixNode {
  const finished = Array.from(children.values(), finishNode).sort((a, b) => a.heldStates - b.heldStates);
  const held = finished.map((child, index) => child.heldStates + (index < finished.length - 1 ? 1 : 0));
  return {
    step,
    children: finished,
    ends,
    heldStates: Math.max(0, ...held),
    steps: finished.reduce((sum, child) => sum + child.steps + 1, 0),
  };
}
