import { HealthCheckResponse_ServingStatus as ServingStatus, HealthService } from '../../gen/grpc/health/v1/health.js';
import { orAborted } from '../../core/or-aborted.js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { ServingState } from '../../core/serving-state.js';
import { defineService, type RpcService } from './rpc-service.js';

/**
 * Health (grpc.health.v1) of the server (the empty name) and of each service: SERVING from when
 * its jobs are recovered until it is asked to stop.
 *
 * Not grpc-health-check: its Watch streams cannot be ended from here, and every stop of a watched server would last as
 * long as the grace period.
 */
export function createHealthService(services: readonly string[], state: ServingState): RpcService {
  const known = new Set(['', ...services]);
  const statusOf = (service: string): ServingStatus => {
    if (!known.has(service)) return ServingStatus.SERVICE_UNKNOWN;
    return state.phase === 'serving' ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
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
      // The stream ends with the server.
      for (;;) {
        const status = statusOf(service);
        yield { status };
        while (statusOf(service) === status) await nextChange(state, signal);
      }
    },
  });
}

/** Resolves at the next change of the state; rejects with the signal's reason. */
async function nextChange(state: ServingState, signal: AbortSignal): Promise<void> {
  let leave: (() => void) | undefined;
  const changed = new Promise<void>((resolve) => {
    leave = state.onChange(resolve);
  });
  try {
    await orAborted(changed, signal);
  } finally {
    leave?.();
  }
}
