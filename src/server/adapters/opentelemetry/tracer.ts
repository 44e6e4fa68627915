import {
  context,
  createContextKey,
  createTraceState,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Context,
  type Link,
  type Span as ApiSpan,
  type SpanContext,
} from '@opentelemetry/api';
import type { Span, SpanStart, Tracer } from '../../../core/ports/tracer.js';
import { readSpanIds, type TraceContext } from '../../../core/trace-context.js';

/** Where a context has the span that it belongs to, with the part of it that runs. */
const HOLDER = createContextKey('prunecast span');

interface Holder {
  readonly own: ApiSpan;
  part: ApiSpan | undefined;
}

/**
 * Spans of the OpenTelemetry API, for whatever SDK the process has registered. What its plug-ins trace by themselves is
 * part of these spans.
 *
 * @param version of the server
 */
export function createOpenTelemetryTracer(version: string): Tracer {
  const tracer = trace.getTracer('prunecast', version);
  const begin = ({ name, kind, attributes, parent, link, sinceMs }: SpanStart): Span => {
    const within = parent === undefined ? findActive() : atRemote(parent);
    const own = tracer.startSpan(
      name,
      {
        kind: kind === 'server' ? SpanKind.SERVER : SpanKind.INTERNAL,
        ...(attributes && { attributes }),
        ...(link && { links: listLinks(link) }),
        ...(sinceMs !== undefined && { startTime: sinceMs }),
      },
      within,
    );
    const holder: Holder = { own, part: undefined };
    const inside = trace.setSpan(within, own).setValue(HOLDER, holder);
    const leave = (): void => {
      holder.part?.end();
      holder.part = undefined;
    };
    return {
      context: toTraceContext(own.spanContext()),
      within: (work) => context.with(inside, work),
      enter: (part) => {
        leave();
        holder.part = tracer.startSpan(part.name, { ...(part.attributes && { attributes: part.attributes }) }, inside);
      },
      leave,
      end: ({ attributes: found, fault } = {}) => {
        leave();
        if (found !== undefined) own.setAttributes(found);
        if (fault !== undefined) own.setAttribute('error.type', fault).setStatus({ code: SpanStatusCode.ERROR });
        own.end();
      },
    };
  };
  return { begin };
}

/** The context that work begins in: if its span has parts, that of the part that runs. */
function findActive(): Context {
  const active = context.active();
  const holder = active.getValue(HOLDER) as Holder | undefined;
  return holder?.part !== undefined && trace.getSpan(active) === holder.own
    ? trace.setSpan(active, holder.part)
    : active;
}

function atRemote(parent: TraceContext | 'none'): Context {
  const found = parent === 'none' ? undefined : toSpanContext(parent);
  return found === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, found);
}

function listLinks(link: TraceContext): Link[] {
  const found = toSpanContext(link);
  return found === undefined ? [] : [{ context: found }];
}

function toSpanContext({ traceparent, tracestate }: TraceContext): SpanContext | undefined {
  const ids = readSpanIds(traceparent);
  return (
    ids && {
      ...ids,
      // The flags are the fourth part.
      traceFlags: Number.parseInt(traceparent.split('-')[3] ?? '', 16) & TraceFlags.SAMPLED,
      isRemote: true,
      ...(tracestate !== undefined && { traceState: createTraceState(tracestate) }),
    }
  );
}

function toTraceContext({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext | undefined {
  const traceparent = `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
  if (readSpanIds(traceparent) === undefined) return undefined;
  const tracestate = traceState?.serialize() ?? '';
  return tracestate === '' ? { traceparent } : { traceparent, tracestate };
}
