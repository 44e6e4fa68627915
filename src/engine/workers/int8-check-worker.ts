import { parentPort, workerData } from 'node:worker_threads';
import { measureInt8 } from '../graph/measure-int8.js';
import { createSessionPool } from '../graph/session-pool.js';
import { passGate } from './exit-gate.js';
import type { Int8CheckTask } from './int8-check.js';

/*
 * The thread behind `createInt8Check`, because products block the thread they run on. ONNX Runtime gets one thread:
 * several would wait for each other on a busy machine.
 */

const { gate } = workerData as Int8CheckTask;
const sessions = createSessionPool({ threads: 1, guard: (run) => passGate(gate, run) });
const check = await measureInt8(sessions);
await sessions.close();
parentPort?.postMessage(check, []);
