import { setTimeout as pause } from 'node:timers/promises';

/*
 * `process.exit` and `worker.terminate` end worker threads wherever they are. If one is inside ONNX Runtime's binding,
 * the process then aborts ("terminate called after throwing an instance of 'Napi::Error'", exit code 134 instead of the
 * requested one). So whoever ends a thread waits for the current run, and the thread starts no further run.
 */

const BUSY = 0;
const STOPPING = 1;

/** Longer than any single run of a graph. */
const LONGEST_WAIT_MS = 30_000;

/** How often to check whether a run that must end first has ended. */
const LOOK_MS = 5;

const gates = new Set<Int32Array>();

/** Memory that a thread and its owner share. */
export function createExitGate(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

/**
 * On the main thread: from now on, an exit waits for the thread's run. Returns how to undo this once the thread has
 * ended.
 */
export function holdExit(gate: Int32Array): () => void {
  if (gates.size === 0) process.on('exit', waitForRuns);
  gates.add(gate);
  return () => {
    gates.delete(gate);
    if (gates.size === 0) process.off('exit', waitForRuns);
  };
}

/** On the main thread: resolves when the thread behind the gate is not in a run; it starts no further run. */
export async function whenOutOfRun(gate: Int32Array): Promise<void> {
  closeGate(gate);
  while (isInRun(gate)) await pause(LOOK_MS);
}

/** On the main thread: resolves when no thread is in a run; none starts another. */
export async function whenNoRun(): Promise<void> {
  await Promise.all([...gates].map(whenOutOfRun));
}

/**
 * Ends the process without waiting: with the exit code, or by SIGKILL if a thread is in a run that an exit would wait
 * for.
 */
export function exitNow(code: number): never {
  const isRunning = [...gates].some((gate) => {
    closeGate(gate);
    return isInRun(gate);
  });
  if (isRunning) process.kill(process.pid, 'SIGKILL');
  process.exit(code);
}

/** In the thread: runs `work` completely or, if the thread or the process is about to end, not at all. */
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

function closeGate(gate: Int32Array): void {
  Atomics.store(gate, STOPPING, 1);
}

function isInRun(gate: Int32Array): boolean {
  return Atomics.load(gate, BUSY) === 1;
}

function leave(gate: Int32Array): void {
  Atomics.store(gate, BUSY, 0);
  Atomics.notify(gate, BUSY);
}

function waitForRuns(): void {
  for (const gate of gates) closeGate(gate);
  for (const gate of gates) Atomics.wait(gate, BUSY, 1, LONGEST_WAIT_MS);
}
