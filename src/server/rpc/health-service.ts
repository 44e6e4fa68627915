import { HealthCheckResponse_ServingStatus as ServingStatus, HealthService } from '../../gen/grpc/health/v1/health.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { defineService, type RpcService } from './rpc-service.js';

/**
 * Health (grpc.health.v1) of the server (the empty name) and of each service: SERVING until the server stops.
 *
 * Not grpc-health-check: its Watch streams cannot be ended from here, and every stop of a watched server would last as
 * long as the grace period.
 */
export function createHealthService(services: readonly string[], stopping: AbortSignal): RpcService {
  const known = new Set(['', ...services]);
  const statusOf = (service: string): ServingStatus => {
    if (!known.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return stopping.aborted ? ServingStatus.NOT_SERVING : ServingStatus.SERVING;
  };
  return defineService(HealthService, {
    check: ({ service }) => {
      if (!known.has(service))
        throw new PrunecastError('SERVICE_NOT_FOUND', `no service is called "${service}"`, { metadata: { service } });
      return { status: statusOf(service) };
    },
    list: () => ({
      statuses: Object.fromEntries([...known].map((service) => [service, { status: statusOf(service) }])),
    }),
    watch: async function* ({ service }, { signal }) {
      yield { status: statusOf(service) };
      // The stream ends with the server: nothing else changes.
      await new Promise((resolve) => {
        signal.addEventListener('abort', resolve, { once: true });
        if (signal.aborted) resolve(undefined);
      });
    },
  });
}
