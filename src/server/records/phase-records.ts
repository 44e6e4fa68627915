import { readStored } from '../../core/errors/read-stored.js';
import type { JobState } from '../../core/ports/job-store.js';
import { Job, JobPhaseState, type JobPhase as JobPhaseMessage } from '../../gen/prunecast/v1/job.js';
import type { JobPhase, PhaseState } from '../jobs/phase-log.js';

const STATES = {
  pending: JobPhaseState.PENDING,
  running: JobPhaseState.RUNNING,
  done: JobPhaseState.DONE,
  skipped: JobPhaseState.SKIPPED,
} as const satisfies Record<PhaseState, JobPhaseState>;

const NAMES = Object.keys(STATES) as PhaseState[];

/** A phase as a message of the API. */
export function encodePhase({ state, done, total, ...phase }: JobPhase): JobPhaseMessage {
  return { ...phase, state: STATES[state], done: BigInt(done), total: BigInt(total) };
}

/** The phases of a job as they are stored: a Job that has nothing else. */
export function encodePhases(phases: readonly JobPhase[]): Uint8Array {
  return Job.encode(Job.create({ phases: phases.map(encodePhase) })).finish();
}

/** Throws STATE_DAMAGED. */
export function decodePhases(jobId: string, stored: Uint8Array): JobPhase[] {
  return readMessages(jobId, stored).map(({ state, done, total, ...phase }) => ({
    ...phase,
    state: NAMES.find((name) => STATES[name] === state) ?? 'pending',
    done: Number(done),
    total: Number(total),
  }));
}

/**
 * The stored phases of a job as it stands: those of one that has succeeded are over, and one that does not run is in
 * none. Throws STATE_DAMAGED.
 */
export function describePhases(jobId: string, state: JobState, stored: Uint8Array): JobPhaseMessage[] {
  return readMessages(jobId, stored).map((phase) => ({ ...phase, state: stateIn(state, phase.state) }));
}

function stateIn(job: JobState, phase: JobPhaseState): JobPhaseState {
  if (phase === JobPhaseState.RUNNING)
    return job === 'running' ? phase : job === 'succeeded' ? JobPhaseState.DONE : JobPhaseState.STOPPED;
  return phase === JobPhaseState.PENDING && job === 'succeeded' ? JobPhaseState.SKIPPED : phase;
}

function readMessages(jobId: string, stored: Uint8Array): readonly JobPhaseMessage[] {
  return readStored(`the phases of ${jobId}`, () => Job.decode(stored)).phases;
}
