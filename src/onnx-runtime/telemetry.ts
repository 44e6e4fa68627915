import { isMainThread } from 'node:worker_threads';

/** What ONNX Runtime reads when its library starts: `0` or `false` lets its telemetry run. */
const VARIABLE = 'ORT_DISABLE_TELEMETRY';

/**
 * Keeps ONNX Runtime's telemetry off in this process, unless the user has set ORT_DISABLE_TELEMETRY to anything (`0`
 * lets it run). When on, it keeps a device id and a database in the home folder, logs in the temporary folder, and
 * looks up a collector of Microsoft.
 *
 * Must be called before the library loads. A worker thread has a copy of `process.env`, which native code does not see:
 * there the variable can only be checked.
 *
 * @throws Error in a worker thread of a process whose main thread did not call this before it started the thread
 */
export function keepTelemetryOff(): void {
  if ((process.env[VARIABLE] ?? '') !== '') return;
  if (!isMainThread) {
    throw new Error(
      `ONNX Runtime would run with its telemetry on: set ${VARIABLE}=1 in the environment of the process, or in its main thread before this thread starts (0 lets telemetry run)`,
    );
  }
  process.env[VARIABLE] = '1';
}
