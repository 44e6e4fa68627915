import type { JobOrigin } from '../../core/ports/job-store.js';
import { readSpanIds } from '../../core/trace-context.js';

/** What log lines of a job have of the call that started it. */
export function describeOrigin({ callId, trace }: JobOrigin): Readonly<Record<string, string>> {
  const ids = trace && readSpanIds(trace.traceparent);
  return { request_id: callId, ...(ids && { trace_id: ids.traceId, span_id: ids.spanId }) };
}
