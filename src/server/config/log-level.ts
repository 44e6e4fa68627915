import type { Logger } from 'pino';
import type { Clock } from '../../core/ports/clock.js';

/** Who changes a level, for the line that says so. */
export interface LevelChange {
  readonly caller: string;
  readonly peer: string;
  /** After so long the level of the start counts again. Undefined: it stays. */
  readonly forMs?: number;
}

/**
 * How much the log of a server tells, to be changed while it runs. Loggers made of the log before and after follow, since
 * pino looks up along the prototypes the level of a child that has none of its own.
 */
export class LogLevel {
  readonly configured: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  /** Has a level of its own: that the level was changed is told at every level. */
  readonly #record: Logger;
  #timer: NodeJS.Timeout | undefined;
  #fallBackMs: number | undefined;

  constructor(log: Logger, clock: Clock) {
    this.configured = log.level;
    this.#log = log;
    this.#clock = clock;
    this.#record = log.child({});
    this.#record.level = 'info';
  }

  get current(): string {
    return this.#log.level;
  }

  /** Milliseconds since 1970: when the level of the start counts again. Undefined if the current one stays. */
  get fallBackMs(): number | undefined {
    return this.#fallBackMs;
  }

  set(level: string, { caller, peer, forMs }: LevelChange): void {
    this.close();
    const before = this.current;
    this.#log.level = level;
    if (forMs !== undefined) {
      this.#fallBackMs = this.#clock.now() + forMs;
      this.#timer = setTimeout(() => this.#fallBack(), forMs).unref();
    }
    const until = this.#fallBackMs === undefined ? {} : { until: new Date(this.#fallBackMs).toISOString() };
    this.#record.info({ log_level: level, before, caller, peer, ...until }, 'log level changed');
  }

  /** The level stays as it is from now on. */
  close(): void {
    clearTimeout(this.#timer);
    this.#fallBackMs = undefined;
  }

  #fallBack(): void {
    const before = this.current;
    this.close();
    this.#log.level = this.configured;
    this.#record.info({ log_level: this.configured, before }, 'log level fell back, as asked');
  }
}
