/*
 * Long work of the pure core is a generator that yields every few milliseconds: the caller decides what happens
 * meanwhile.
 */

/** Runs all steps at once, and returns their outcome. */
export function runSteps<Outcome>(steps: Generator<void, Outcome>): Outcome {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** Runs the steps, letting others run (`breathe`, such as setImmediate) after each. */
export async function runStepsGently<Outcome>(
  steps: Generator<void, Outcome>,
  breathe: () => Promise<void>,
): Promise<Outcome> {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
    await breathe();
  }
}
