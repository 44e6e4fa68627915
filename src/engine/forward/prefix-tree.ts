import type { Architecture } from '../../core/model/shape.js';
import { type HalfStep, isDropped, listSteps } from '../weights/half-blocks.js';

/** Hidden states that one or more architectures have in common. */
export interface PrefixNode {
  /** The step from the parent; undefined at the root, the embedded tokens. */
  readonly step: HalfStep | undefined;
  readonly children: readonly PrefixNode[];
  /** Indices of the architectures that end here. */
  readonly ends: readonly number[];
  /** Hidden states of all windows that a walk must hold at once, without the one being computed. */
  readonly heldStates: number;
  /** Steps in the tree below. */
  readonly steps: number;
}

/**
 * The tree of all architectures' half-blocks: a common prefix is computed once. A dropped half-block is no step, unless
 * `keepDropped` is true (a compensation may leave a bias in its place).
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

/** Children that hold least come first: the last child may take over the node's own states. */
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
