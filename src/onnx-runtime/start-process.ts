import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { keepTelemetryOff } from './telemetry.js';

/**
 * Starts a process with this module, in which ONNX Runtime may be loaded with its telemetry off. Messages are
 * structured clones; its output is dropped; its standard input stays open as long as its parent runs.
 */
export function startProcess(module: URL): ChildProcess {
  keepTelemetryOff();
  return fork(fileURLToPath(module), [], {
    serialization: 'advanced',
    execArgv: [],
    stdio: ['pipe', 'ignore', 'ignore', 'ipc'],
  });
}
