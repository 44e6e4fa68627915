import type { Logger } from 'pino';
import type { Authenticator } from '../../core/ports/authenticator.js';
import type { Telemetry } from '../../core/ports/telemetry.js';
import { NO_TRACER, type Tracer } from '../../core/ports/tracer.js';
import type { ServingState } from '../../core/serving-state.js';
import { createAuth } from './interceptors/auth.js';
import { deadline } from './interceptors/deadline.js';
import { errors } from './interceptors/errors.js';
import type { Interceptor } from './interceptors/interceptor.js';
import { createLog } from './interceptors/log.js';
import { metrics } from './interceptors/metrics.js';
import { allows, changes, scopeOf } from './method-scopes.js';
import { createStarting } from './interceptors/starting.js';
import { createStopping } from './interceptors/stopping.js';
import { createTrace } from './interceptors/trace.js';

const SCOPE_RULES = { scopeOf, allows };

/** What the calls of a server have in common. */
export interface CallSettings {
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly tracer: Tracer;
  readonly authenticator: Authenticator;
  /** Calls are taken while it serves. */
  readonly state: ServingState;
  /** Fires when the server stops, with a PrunecastError as its reason. */
  readonly stopping: AbortSignal;
}

/** The interceptors of every call, the first outermost, whatever protocol it came by. */
export function listInterceptors({ log, tracer, authenticator, state, stopping }: CallSettings): {
  /** Those that also see a call which fails before it begins. */
  readonly watching: readonly Interceptor[];
  readonly all: readonly Interceptor[];
} {
  const traced = tracer === NO_TRACER ? [] : [createTrace(tracer)];
  const watching = [...traced, metrics, createLog(log, changes), errors];
  return {
    watching,
    all: [
      ...watching,
      deadline,
      createStopping(stopping),
      createAuth(authenticator, SCOPE_RULES),
      createStarting(state),
    ],
  };
}
