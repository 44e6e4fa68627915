import type { Clock } from '../../core/ports/clock.js';
import { toAmount, toCount } from './to-count.js';

/** Where a phase stands as far as its job knows; what becomes of it when the job ends, the state of the job tells. */
export type PhaseState = 'pending' | 'running' | 'done' | 'skipped';

/** One phase of a job, with how far it is. */
export interface JobPhase {
  /** The same in every job of a kind: "calibrate", "sample". */
  readonly name: string;
  /** Of a phase that comes once a round; otherwise 0. */
  readonly round: number;
  readonly state: PhaseState;
  /** Done and total, in `unit`; total 0 if it is unknown. A phase that counted for itself ends with all done. */
  readonly done: number;
  readonly total: number;
  /** "trials", "tokens"; empty while it is unknown. */
  readonly unit: string;
  /** In all runs of the job that went on with it. */
  readonly elapsedSeconds: number;
}

/** A phase that a job will have, or has had. */
export interface PhasePlan extends Pick<JobPhase, 'name'>, Partial<Omit<JobPhase, 'name'>> {
  /**
   * Tokens that it is expected to run; omitted for none. They are its share in how far the whole job is.
   */
  readonly tokens?: number;
}

/** The phases of a job while it runs. */
export interface JobPhases {
  /**
   * Says which phases the job has, in order, after the one that opened it. A job that goes on with what an earlier run
   * did says so in their states; all others are pending. What was counted of the activities of a phase that is done
   * stands, and so does the time of a phase that says none.
   */
  declare(phases: readonly PhasePlan[]): void;
  /**
   * Goes on to a phase. The one that ran is done, and those in between are skipped. Throws RangeError for a phase that
   * was not declared.
   */
  enter(name: string, round?: number): void;
  /** The phase that ran is done, and the job waits, or ends, before the next one. */
  leave(): void;
  /**
   * How much of the phase that runs is done, in its declared unit.
   *
   * @param least what its total is at least, as is known by now
   */
  count(done: number, least?: number): void;
}

/** The same for the runner, which stores how far the phases are. */
export interface PhaseLog extends JobPhases {
  /**
   * How far the activity of the phase that runs is. It counts as the phase's own unless the phase was declared with a
   * unit.
   */
  follow(activity: Pick<JobPhase, 'done' | 'total' | 'unit'>): void;
  /** All phases as they are now. */
  now(): readonly JobPhase[];
  /** Where the job stands among them; `undefined` if no phase runs. */
  place(): PhasePlace | undefined;
}

export interface PhasePlace {
  readonly phase: JobPhase;
  /** From 1. */
  readonly number: number;
  readonly count: number;
  /** The share of the expected tokens of all phases that is done; `undefined` if none has any. */
  readonly overall: number | undefined;
}

/** The phase that every job begins with: its request is read, its model opened, its texts are tokenized. */
export const OPEN_PHASE = 'open';

interface Entry extends JobPhase {
  readonly tokens: number;
  /** Whether its counts are its own, and not those of its activities. */
  readonly counts: boolean;
  /** The share of its tokens that is done, since it was last counted. */
  readonly share: number;
}

/** How a job was opened: by the call that started it, in so many seconds, or by its run, after earlier runs. */
export type OpenedJob = { readonly seconds: number } | { readonly before: readonly JobPhase[] };

/** Those of what comes before there is a job: it is being opened. */
export const PHASES_BEFORE_JOB: OpenedJob = { before: [] };

export function createPhaseLog(clock: Clock, opened: OpenedJob): PhaseLog {
  /** The first one opens the job. */
  const first = openEntries(opened);
  let entries = first;
  let since = clock.now();
  /** An activity may begin again within its phase; the whole job does not. */
  let overall: number | undefined;

  /** The phase that runs gets the time since it was last looked at. */
  const settle = (): void => {
    const now = clock.now();
    // The clock may be set back meanwhile.
    const seconds = Math.max(0, now - since) / 1000;
    since = now;
    change((entry) => ({ ...entry, elapsedSeconds: entry.elapsedSeconds + seconds }));
  };
  const change = (renew: (entry: Entry) => Entry): void => {
    entries = entries.map((entry) => (entry.state === 'running' ? renew(entry) : entry));
  };
  return {
    declare(phases) {
      settle();
      entries = [...entries.slice(0, 1), ...phases.map((phase) => keepEarlier(toEntry(phase), first))];
      overall = undefined;
    },
    enter(name, round = 0) {
      settle();
      const target = entries.findIndex((entry) => entry.name === name && entry.round === round);
      if (target === -1) throw new RangeError(`the job has no phase ${name} in round ${round}`);
      entries = entries.map((entry, index) => {
        if (index === target) return { ...entry, state: 'running' };
        if (index > target) return entry;
        return entry.state === 'running'
          ? finish(entry)
          : entry.state === 'pending'
            ? { ...entry, state: 'skipped' }
            : entry;
      });
    },
    leave() {
      settle();
      change(finish);
    },
    count: (done, least = done) =>
      change((entry) => ({ ...entry, done, total: Math.max(entry.total, least), share: 0 })),
    follow: ({ done, total, unit }) =>
      change((entry) => ({
        ...entry,
        ...(entry.counts ? {} : { done: toCount(done), total: toCount(total), unit }),
        share: unit === 'tokens' && total > 0 ? Math.min(1, toAmount(done / total)) : entry.share,
      })),
    now() {
      settle();
      return entries.map(toPhase);
    },
    place() {
      settle();
      const index = entries.findLastIndex(({ state }) => state === 'running');
      const entry = entries[index];
      if (entry === undefined) return undefined;
      const share = measureOverall(entries);
      if (share !== undefined) overall = Math.max(overall ?? 0, share);
      return { phase: toPhase(entry), number: index + 1, count: entries.length, overall };
    },
  };
}

function openEntries(opened: OpenedJob): readonly Entry[] {
  const open = toEntry({ name: OPEN_PHASE });
  if ('seconds' in opened) return [{ ...open, state: 'done', elapsedSeconds: opened.seconds }];
  const [first = open, ...others] = opened.before.map(toEntry);
  return [{ ...first, state: 'running' }, ...others.map(halt)];
}

function toEntry({
  name,
  round = 0,
  state = 'pending',
  done = 0,
  total = 0,
  unit = '',
  elapsedSeconds = 0,
  tokens = 0,
}: PhasePlan): Entry {
  const entry = { name, round, state, done, total, unit, elapsedSeconds, tokens, counts: unit !== '', share: 0 };
  return state === 'done' ? finish(entry) : entry;
}

/** A phase may end with less than was planned: then there was no more to do. */
function finish(entry: Entry): Entry {
  return { ...entry, state: 'done', ...(entry.counts ? { total: entry.done } : {}) };
}

/** With the time of an earlier run, and what it counted of the activities of a phase that is done. */
function keepEarlier(entry: Entry, earlier: readonly Entry[]): Entry {
  const known = earlier.find(({ name, round }) => name === entry.name && round === entry.round);
  if (known === undefined) return entry;
  const timed = { ...entry, elapsedSeconds: entry.elapsedSeconds || known.elapsedSeconds };
  if (entry.counts || entry.state !== 'done') return timed;
  return { ...timed, done: known.done, total: known.total, unit: known.unit };
}

function toPhase({ name, round, state, done, total, unit, elapsedSeconds }: Entry): JobPhase {
  return { name, round, state, done, total, unit, elapsedSeconds };
}

/** A phase that ran when an earlier run ended has yet to be gone on with. */
function halt(entry: Entry): Entry {
  return entry.state === 'running' ? { ...entry, state: 'pending' } : entry;
}

function measureOverall(entries: readonly Entry[]): number | undefined {
  const all = entries.reduce((sum, { tokens }) => sum + tokens, 0);
  if (all === 0) return undefined;
  return entries.reduce((sum, entry) => sum + entry.tokens * shareOf(entry), 0) / all;
}

/**
 * Of a phase that counts for itself, what it has counted: how many of these its activity works on is unknown, unless
 * there is only one.
 */
function shareOf({ state, done, total, share, counts }: Entry): number {
  if (state === 'done' || state === 'skipped') return 1;
  if (state !== 'running') return 0;
  if (!counts) return share;
  return total > 0 ? Math.min(1, (done + (total === 1 ? share : 0)) / total) : 0;
}
