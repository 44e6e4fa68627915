import type { Sequence } from './sequence.js';

/** Tokens that one or more sequences have in common, with those that follow them in some of these. */
export interface PrefixNode {
  /** The position of its first token in each of the sequences. */
  readonly from: number;
  readonly tokens: Int32Array;
  /** What follows; none or several, which begin alike for less than `LEAST_SHARED` tokens. */
  readonly children: readonly PrefixNode[];
  /** Sequences that have their last token that runs here, by their place in the list. */
  readonly ends: readonly number[];
}

/** Fewer tokens are not worth a run of their own: a beginning-of-sequence token, the first words of a prompt. */
export const LEAST_SHARED = 16;

/**
 * Tokens of a sequence that run: those before the last one that is scored. Nothing is predicted from that one and what
 * follows it.
 */
export function countRunnable({ spans }: Pick<Sequence, 'spans'>): number {
  return spans.reduce((most, { to }) => Math.max(most, to - 1), 0);
}

/**
 * The tokens of sequences as trees: what sequences begin with alike is in the tree once, if it has at least `LEAST_SHARED`
 * tokens. Trees and children are in the order of the sequences. Takes time in proportion to the tokens.
 *
 * @param places which of the sequences
 */
export function growForest(sequences: readonly Sequence[], places: readonly number[]): PrefixNode[] {
  const ends = sequences.map(countRunnable);
  const tokensOf = (place: number): Int32Array => sequences[place]?.tokens ?? new Int32Array();
  const roots: Branches = new Map();
  for (const place of places) insert(roots, place, tokensOf, ends);
  return settle(roots, 0, tokensOf);
}

/** By their first token. */
type Branches = Map<number | undefined, GrowingNode>;

interface GrowingNode {
  readonly from: number;
  to: number;
  /** A sequence that has all tokens of the node. */
  source: number;
  children: Branches;
  ends: number[];
}

/** @param ends tokens of each sequence that run */
function insert(
  roots: Branches,
  place: number,
  tokensOf: (place: number) => Int32Array,
  ends: readonly number[],
): void {
  const tokens = tokensOf(place);
  const end = ends[place] ?? 0;
  let branches = roots;
  for (let at = 0; ; ) {
    const node = branches.get(tokens[at]);
    if (node === undefined) {
      branches.set(tokens[at], { from: at, to: end, source: place, children: new Map(), ends: [place] });
      return;
    }
    const known = tokensOf(node.source);
    while (at < Math.min(node.to, end) && tokens[at] === known[at]) at++;
    if (at === end || (at === node.to && node.children.size === 0)) {
      if (at < end) Object.assign(node, { to: end, source: place });
      node.ends.push(place);
      return;
    }
    if (at < node.to) split(node, at, known[at], ends);
    branches = node.children;
  }
}

/** The tokens from this position on become a child. */
function split(node: GrowingNode, at: number, token: number | undefined, ends: readonly number[]): void {
  const isBefore = (place: number): boolean => (ends[place] ?? 0) <= at;
  const rest = { ...node, from: at, ends: node.ends.filter((place) => !isBefore(place)) };
  Object.assign(node, { to: at, children: new Map([[token, rest]]), ends: node.ends.filter(isBefore) });
}

/** Nodes with too few tokens become the beginning of each of their children. */
function settle(branches: Branches, from: number, tokensOf: (place: number) => Int32Array): PrefixNode[] {
  const settled: PrefixNode[] = [];
  const open = [...branches.values()].reverse();
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const children = [...node.children.values()];
    const [first] = children;
    if (first === undefined || node.to - from >= LEAST_SHARED) {
      settled.push({
        from,
        tokens: tokensOf(node.source).slice(from, node.to),
        children: settle(node.children, node.to, tokensOf),
        ends: node.ends,
      });
      continue;
    }
    first.ends = [...node.ends, ...first.ends];
    for (const child of children.reverse()) open.push(child);
  }
  return settled;
}
