import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepTelemetryOff } from './telemetry.js';

/**
 * Starts a process of a module, in which ONNX Runtime may be loaded with its telemetry off. It takes and sends messages as
 * structured clones; its output is dropped; its standard input is held open for as long as whoever started it is there.
 */
export function startProcess(module: URL): ChildProcess {
  keepTelemetryOff();
  return fork(fileURLToPath(module), [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['pipe', 'ignore', 'ignore', 'ipc'],
  });
}
