import type { TraceContext } from '../trace-context.js';

/** Where a server tells what its work is made of, and how long each part takes. Each method has to return at once. */
export interface Tracer {
  begin(start: SpanStart): Span;
}

/** Facts about a span, never a text, a token or a value that a caller has sent. */
export type SpanAttributes = Readonly<Record<string, string | number>>;

export interface SpanStart {
  readonly name: string;
  readonly attributes?: SpanAttributes;
  /** Default `internal`; `server` for the work of a call. */
  readonly kind?: 'server' | 'internal';
  /** What it is part of; by default the span in whose work it begins. `none`: it begins a trace of its own. */
  readonly parent?: TraceContext | 'none';
  /** What led to it, if that is not its parent. */
  readonly link?: TraceContext | undefined;
  /** When it began, in milliseconds since 1970; now if left out. */
  readonly sinceMs?: number;
}

/** Some work, from its begin to its end. */
export interface Span {
  /** `undefined` if nobody traces it. */
  readonly context: TraceContext | undefined;
  /** Does work: what begins in it is part of this span, or of the part of it that runs then. */
  within<Result>(work: () => Result): Result;
  /** Goes on to the next part; the one before has ended. */
  enter(part: Pick<SpanStart, 'name' | 'attributes'>): void;
  /** The part that runs has ended. */
  leave(): void;
  /** @param fault the canonical code or reason, if the server failed; omitted if all went well, or a caller is at fault */
  end(facts?: { readonly attributes?: SpanAttributes; readonly fault?: string | undefined }): void;
}

/** Traces nothing: the default. */
export const NO_TRACER: Tracer = {
  begin: ({ parent }) => (parent === undefined || parent === 'none' ? NO_SPAN : { ...NO_SPAN, context: parent }),
};

const NO_SPAN: Span = {
  context: undefined,
  within: (work) => work(),
  enter: () => undefined,
  leave: () => undefined,
  end: () => undefined,
};
