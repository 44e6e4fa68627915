import type { Logger } from 'pino';
import type { Telemetry } from '../core/ports/telemetry.js';

/** Telemetry that never throws: a failure to count is logged, and costs no work. */
export function guardTelemetry(telemetry: Telemetry, log: Logger): Telemetry {
  const guard = (count: () => void): void => {
    try {
      count();
    } catch (error) {
      log.error({ err: error }, 'telemetry failed');
    }
  };
  return {
    callStarted: (method) => guard(() => telemetry.callStarted(method)),
    callEnded: (method, code, ms) => guard(() => telemetry.callEnded(method, code, ms)),
    jobChanged: (kind, state) => guard(() => telemetry.jobChanged(kind, state)),
    labelAnswered: (outcome, tokens) => guard(() => telemetry.labelAnswered(outcome, tokens)),
  };
}
