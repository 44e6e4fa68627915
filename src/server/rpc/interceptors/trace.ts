import type { Tracer } from '../../../core/ports/tracer.js';
import { nameCode } from '../../errors/encode-status.js';
import type { Interceptor } from './interceptor.js';

/** The codes that count as faults of the server (OpenTelemetry's conventions for gRPC). */
const FAULTS: ReadonlySet<string> = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** Probes come every few seconds, and nobody looks for one. */
const PROBES = 'grpc.health.v1.Health/';

/** A span for each call, part of the caller's trace if it sends `traceparent`. */
export function createTrace(tracer: Tracer): Interceptor {
  return async (context, next) => {
    if (context.method.startsWith(PROBES)) return next();
    const [service = '', method = ''] = context.method.split('/');
    const span = tracer.begin({
      name: context.method,
      kind: 'server',
      parent: context.trace ?? 'none',
      attributes: {
        'rpc.system': 'grpc',
        'rpc.service': service,
        'rpc.method': method,
        'prunecast.request_id': context.callId,
      },
    });
    context.trace = span.context;
    const end = await span.within(next);
    const code = nameCode(end?.code ?? 0);
    span.end({
      attributes: {
        'rpc.grpc.status_code': end?.code ?? 0,
        'prunecast.caller': context.caller,
        ...(context.jobId !== undefined && { 'prunecast.job_id': context.jobId }),
      },
      fault: FAULTS.has(code) ? code : undefined,
    });
    return end;
  };
}
