/*
 * `process.exit` and `worker.terminate` end worker threads wherever they are, and one inside ONNX Runtime's binding then
 * aborts the process ("terminate called after throwing an instance of 'Napi::Error'", exit code 134 in place of the one
 * asked for). So whoever ends a thread waits for the run in work, and the thread starts no other one.
 */

const BUSY = 0;
const STOPPING = 1;

/** Longer than any single run of a graph. */
const LONGEST_WAIT_MS = 30_000;

const gates = new Set<Int32Array>();

/** What a thread and its owner share. */
export function createExitGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** On the main thread: from now on an exit waits for the thread's run. Returns how to undo it, once the thread has ended. */
export function holdExit(gate: Int32Array): () => void {
  if (gates.size === 0) process.on('exit', waitForRuns);
  gates.add(gate);
  return () => {
    gates.delete(gate);
    if (gates.size === 0) process.off('exit', waitForRuns);
  };
}

/** On the main thread: the thread behind the gate starts no further run. */
export function closeGate(gate: Int32Array): void {
  Atomics.store(gate, STOPPING, 1);
}

/** On the main thread: whether the thread behind the gate is in a run. */
export function isInRun(gate: Int32Array): boolean {
  return Atomics.load(gate, BUSY) === 1;
}

/** In the thread: `work` runs whole or, if the thread or the process is about to end, never. */
export async function passGate<Result>(gate: Int32Array, work: () => Promise<Result>): Promise<Result> {
  Atomics.store(gate, BUSY, 1);
  if (Atomics.load(gate, STOPPING) === 1) {
    leave(gate);
    Atomics.wait(gate, STOPPING, 1); // until this thread is ended
  }
  try {
    return await work();
  } finally {
    leave(gate);
  }
}

function leave(gate: Int32Array): void {
  Atomics.store(gate, BUSY, 0);
  Atomics.notify(gate, BUSY);
}

function waitForRuns(): void {
  for (const gate of gates) closeGate(gate);
  for (const gate of gates) Atomics.wait(gate, BUSY, 1, LONGEST_WAIT_MS);
}
