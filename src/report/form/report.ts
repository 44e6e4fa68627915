import type { Chart } from '../../charts/chart.js';

/** A report as its writers take it: all texts are plain and for people. */
export interface Report {
  readonly title: string;
  /** The answer in a sentence. */
  readonly answer: string;
  /** The numbers to remember. */
  readonly facts: readonly { readonly name: string; readonly value: string; readonly note?: string }[];
  readonly sections: readonly Section[];
}

export interface Section {
  /** For links: `controls`. */
  readonly id: string;
  readonly title: string;
  /** How to read it: sentences. */
  readonly note?: string;
  readonly figures: readonly Figure[];
}

/** A chart, a table, which says the same in numbers if there is a chart, or lines of a shell. At least one of them. */
export interface Figure {
  readonly caption?: string;
  readonly chart?: Chart;
  readonly table?: Table;
  readonly commands?: readonly string[];
}

export interface Table {
  readonly columns: readonly Column[];
  /** One text per column. */
  readonly rows: readonly (readonly string[])[];
  /** Rows that only a chart makes readable: left out where there is none. */
  readonly isDetail?: boolean;
}

export interface Column {
  readonly name: string;
  /** Numbers are set flush right, digests in a fixed width. */
  readonly form?: 'number' | 'digest';
}
