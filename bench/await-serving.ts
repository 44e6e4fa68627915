import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from '../src/client/index.js';
import {
  HealthCheckRequest,
  HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from '../src/gen/grpc/health/v1/health.js';

/** Waits until the health of a server that listens is SERVING. */
export async function awaitServing(address: string): Promise<void> {
  const client = createClient({ address });
  try {
    for (;;) {
      const request = HealthCheckRequest.encode({ service: '' }).finish();
      for await (const bytes of client.exchange('/grpc.health.v1.Health/Check', [request]))
        if (HealthCheckResponse.decode(bytes).status === ServingStatus.SERVING) return;
      await pause(5);
    }
  } finally {
    client.close();
  }
}
