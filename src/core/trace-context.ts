/** Where work stands in a trace: the headers of W3C Trace Context that name the span it is part of. */
export interface TraceContext {
  /** `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`: version, trace, span, flags. */
  readonly traceparent: string;
  /** What tracing systems of their own keep in it. */
  readonly tracestate?: string;
}

/** What names a span in log lines. */
export interface SpanIds {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits. */
  readonly spanId: string;
}

/** Ids of zeros alone name nothing, and a version later than 00 may have more parts. */
const TRACEPARENT = /^(?!ff|00.{54})[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:$|-)/;

/** The longest `traceparent` that is read; version 00 has 55 characters. */
const MOST_PARENT_CHARACTERS = 128;

/** What a proper `tracestate` is bounded to: longer ones may be dropped. */
const MOST_STATE_CHARACTERS = 512;

/**
 * What a caller's headers say of its trace; `undefined` if they name none, or not as W3C Trace Context has it.
 *
 * @param header the values of a header
 */
export function readTraceContext(header: (name: string) => readonly string[]): TraceContext | undefined {
  const [traceparent] = header('traceparent');
  if (traceparent === undefined || readSpanIds(traceparent) === undefined) return undefined;
  const tracestate = header('tracestate').join(',');
  return tracestate === '' || tracestate.length > MOST_STATE_CHARACTERS ? { traceparent } : { traceparent, tracestate };
}

/** The ids in a `traceparent`; `undefined` if it is none. */
export function readSpanIds(traceparent: string): SpanIds | undefined {
  if (traceparent.length > MOST_PARENT_CHARACTERS) return undefined;
  const [, traceId, spanId] = TRACEPARENT.exec(traceparent) ?? [];
  return traceId === undefined || spanId === undefined ? undefined : { traceId, spanId };
}
