import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Telemetry } from '../../../core/ports/telemetry.js';

/** What a server counts, for Prometheus. */
export interface PrometheusMetrics {
  readonly telemetry: Telemetry;
  readonly registry: Registry;
  /** Stops watching the event loop. */
  close(): void;
}

/** From a prediction to a search of days. */
const CALL_SECONDS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.5, 2, 10, 60, 600, 3600];
const JOB_SECONDS = [0.1, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600];
const FIT_SECONDS = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 1800];

/** How finely the delay of the event loop is measured, in milliseconds. */
const LOOP_RESOLUTION_MS = 10;

/**
 * Metrics named `prunecast_*`, with units in their names. All labels come from closed lists (methods of the API, codes,
 * kinds and states of jobs, outcomes), so their number is bounded whatever callers send.
 */
export function createPrometheusMetrics(version: string): PrometheusMetrics {
  const registry = new Registry();
  const registers = [registry];
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();

  const inFlight = new Gauge({
    registers,
    name: 'prunecast_calls_in_flight',
    help: 'Calls that have begun and not ended, open streams among them, by method.',
    labelNames: ['method'],
  });
  const calls = new Histogram({
    registers,
    name: 'prunecast_call_duration_seconds',
    help: 'How long calls took, by method and canonical code. A stream takes until it ends.',
    labelNames: ['method', 'code'],
    buckets: CALL_SECONDS,
  });
  const jobs = new Counter({
    registers,
    name: 'prunecast_jobs_total',
    help: 'Jobs that came into a state, by kind and state.',
    labelNames: ['kind', 'state'],
  });
  const waiting = new Gauge({
    registers,
    name: 'prunecast_jobs_waiting',
    help: 'Jobs that wait in the queue, by kind.',
    labelNames: ['kind'],
  });
  const running = new Gauge({
    registers,
    name: 'prunecast_jobs_running',
    help: 'Jobs that run, by kind.',
    labelNames: ['kind'],
  });
  const waits = new Histogram({
    registers,
    name: 'prunecast_job_wait_seconds',
    help: 'How long jobs waited in the queue before they ran, by kind; 0 for those that did not wait.',
    labelNames: ['kind'],
    buckets: JOB_SECONDS,
  });
  const durations = new Histogram({
    registers,
    name: 'prunecast_job_duration_seconds',
    help: 'How long jobs ran since they were last started, by kind and the state they ended in.',
    labelNames: ['kind', 'state'],
    buckets: JOB_SECONDS,
  });
  const labels = new Counter({
    registers,
    name: 'prunecast_labels_total',
    help: 'Labels that were answered: found in the store, paid for by measuring, or invalid (a metric was not finite).',
    labelNames: ['outcome'],
  });
  const tokens = new Counter({
    registers,
    name: 'prunecast_tokens_evaluated_total',
    help: 'Tokens that ran through models to measure labels.',
  });
  const trials = new Counter({
    registers,
    name: 'prunecast_trials_total',
    help: 'Trials of studies that were measured and stored.',
  });
  const fits = new Histogram({
    registers,
    name: 'prunecast_fit_duration_seconds',
    help: 'How long fits of predictors took, those within studies among them, by outcome.',
    labelNames: ['outcome'],
    buckets: FIT_SECONDS,
  });
  const models = new Gauge({
    registers,
    name: 'prunecast_open_models',
    help: 'Checkpoints that are open.',
  });
  registry.registerMetric(
    new Gauge({
      registers: [],
      name: 'prunecast_event_loop_delay_seconds',
      help: 'By how much the event loop was late since the last scrape, by quantile; 1 is the maximum.',
      labelNames: ['quantile'],
      collect() {
        // Nothing was measured yet: no number.
        const seconds = (ns: number): number =>
          loop.count === 0 ? 0 : Math.max(0, ns / 1e9 - LOOP_RESOLUTION_MS / 1e3);
        this.set({ quantile: '0.5' }, seconds(loop.percentile(50)));
        this.set({ quantile: '0.99' }, seconds(loop.percentile(99)));
        this.set({ quantile: '1' }, seconds(loop.max));
        loop.reset();
      },
    }),
  );
  registry.registerMetric(
    new Gauge({
      registers: [],
      name: 'prunecast_resident_memory_bytes',
      help: 'Resident memory of the server process; processes of tokenizers and plug-ins are not in it.',
      collect() {
        this.set(process.memoryUsage.rss());
      },
    }),
  );
  new Gauge({
    registers,
    name: 'prunecast_info',
    help: 'Always 1, with the version of the server as a label.',
    labelNames: ['version'],
  }).set({ version }, 1);

  return {
    registry,
    telemetry: {
      callStarted: (method) => inFlight.inc({ method }),
      callEnded: (method, code, ms) => {
        inFlight.dec({ method });
        calls.observe({ method, code }, ms / 1000);
      },
      jobChanged: (kind, state) => jobs.inc({ kind, state }),
      jobsCounted: (kind, count) => {
        waiting.set({ kind }, count.waiting);
        running.set({ kind }, count.running);
      },
      jobStarted: (kind, waitedSeconds) => waits.observe({ kind }, waitedSeconds),
      jobEnded: (kind, state, seconds) => durations.observe({ kind, state }, seconds),
      labelAnswered: (outcome, spent) => {
        labels.inc({ outcome });
        tokens.inc(spent);
      },
      trialStored: () => trials.inc(),
      fitEnded: (outcome, seconds) => fits.observe({ outcome }, seconds),
      modelsOpen: (count) => models.set(count),
    },
    close: () => void loop.disable(),
  };
}
