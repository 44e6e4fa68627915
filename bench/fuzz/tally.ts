import { formatTable } from '../../src/cli/output/table.js';
import type { FuzzResult } from './fuzz-result.js';
import type { Fault } from './judge-call.js';

/** A fault and its cause. */
export interface FoundFault extends Fault {
  /** What to give to --only to see it again: `request/17`. */
  readonly origin: string;
}

/** A call, and when it was under way. */
export interface CallSpan {
  readonly origin: string;
  readonly method: string;
  readonly beginMs: number;
  readonly endMs: number;
}

/** Counts how calls ended, and collects the faults. */
export interface Tally {
  count(method: string, code: string): void;
  fault(fault: FoundFault): void;
  /** Notes when a call was under way, in milliseconds since 1970. */
  span(span: CallSpan): void;
  /** The calls that were under way during a span, the longest first. */
  underWay(beginMs: number, endMs: number): readonly CallSpan[];
  readonly faults: readonly FoundFault[];
  /** The number of calls. */
  readonly calls: number;
  /** A table of calls, and each kind of fault with its first examples. */
  format(): string;
  toJson(): Pick<FuzzResult, 'calls' | 'faults'>;
}

const EXAMPLES = 3;

export function createTally(): Tally {
  const counts = new Map<string, Map<string, number>>();
  const faults: FoundFault[] = [];
  const spans: CallSpan[] = [];
  const group = (): [string, FoundFault[]][] => {
    const kinds = new Map<string, FoundFault[]>();
    for (const fault of faults) kinds.set(fault.kind, [...(kinds.get(fault.kind) ?? []), fault]);
    return [...kinds].toSorted(([, a], [, b]) => b.length - a.length);
  };
  return {
    faults,
    get calls() {
      return spans.length;
    },
    count: (method, code) => {
      const codes = counts.get(method) ?? new Map<string, number>();
      counts.set(method, codes.set(code, (codes.get(code) ?? 0) + 1));
    },
    fault: (fault) => void faults.push(fault),
    span: (span) => void spans.push(span),
    underWay: (beginMs, endMs) =>
      spans
        .filter((span) => span.beginMs < endMs && span.endMs > beginMs)
        .toSorted((a, b) => b.endMs - b.beginMs - (a.endMs - a.beginMs)),
    format: () => {
      const codes = [...new Set([...counts.values()].flatMap((found) => [...found.keys()]))].toSorted();
      const table = formatTable(
        ['', ...codes],
        [...counts]
          .toSorted(([a], [b]) => a.localeCompare(b))
          .map(([method, found]) => [method, ...codes.map((code) => String(found.get(code) ?? ''))]),
      );
      const found = group().map(([kind, examples]) =>
        [
          `${examples.length} x ${kind}`,
          ...examples.slice(0, EXAMPLES).map(({ origin, text }) => `    ${origin}: ${text.slice(0, 300)}`),
        ].join('\n'),
      );
      return [...table, '', found.length === 0 ? 'no faults' : `${faults.length} faults:\n${found.join('\n')}`].join(
        '\n',
      );
    },
    toJson: () => ({
      calls: Object.fromEntries([...counts].map(([method, found]) => [method, Object.fromEntries(found)])),
      faults: Object.fromEntries(
        group().map(([kind, examples]) => [
          kind,
          {
            count: examples.length,
            examples: examples.slice(0, EXAMPLES).map(({ origin, text }) => ({ origin, text: text.slice(0, 300) })),
          },
        ]),
      ),
    }),
  };
}
