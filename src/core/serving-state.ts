/** `starting` until the jobs of before are recovered, `draining` once the server is asked to stop. */
export type ServingPhase = 'starting' | 'serving' | 'draining';

const ORDER: readonly ServingPhase[] = ['starting', 'serving', 'draining'];

/** Where a server is in its life. It only goes forward: one that drains never serves again. */
export class ServingState {
  #phase: ServingPhase = 'starting';
  readonly #listeners = new Set<() => void>();

  get phase(): ServingPhase {
    return this.#phase;
  }

  /** Goes to a later phase and tells the listeners; an earlier one changes nothing. */
  enter(phase: ServingPhase): void {
    if (ORDER.indexOf(phase) <= ORDER.indexOf(this.#phase)) return;
    this.#phase = phase;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change; returns what ends that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
