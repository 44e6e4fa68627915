import type { Logger } from 'pino';
import type { Telemetry } from '../core/ports/telemetry.js';

/** Tells all of them, and never throws: a failure to count is logged, and costs no work. */
export function guardTelemetry(all: readonly Telemetry[], log: Logger): Telemetry {
  const tell =
    <Method extends keyof Telemetry>(method: Method) =>
    (...facts: Parameters<Telemetry[Method]>): void => {
      for (const telemetry of all)
        try {
          // A program that was written for an earlier version lacks the newer methods.
          (telemetry[method] as ((...given: typeof facts) => void) | undefined)?.(...facts);
        } catch (error) {
          log.error({ err: error }, 'telemetry failed');
        }
    };
  return {
    callStarted: tell('callStarted'),
    callEnded: tell('callEnded'),
    jobChanged: tell('jobChanged'),
    jobsCounted: tell('jobsCounted'),
    jobStarted: tell('jobStarted'),
    jobEnded: tell('jobEnded'),
    labelAnswered: tell('labelAnswered'),
    trialStored: tell('trialStored'),
    fitEnded: tell('fitEnded'),
    modelsOpen: tell('modelsOpen'),
  };
}
