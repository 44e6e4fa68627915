/*
 * Long work of the pure core is a generator that yields every few milliseconds: whoever runs it decides what happens
 * meanwhile.
 */

/** The outcome of work in steps, all of them at once. */
export function runSteps<Outcome>(steps: Generator<void, Outcome>): Outcome {
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same, letting others run (`breathe`, such as setImmediate) after each step. */
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
