import { parentPort, workerData } from 'node:worker_threads';
import { type DecoderSession, openDecoderSession } from '../graph/decoder-session.js';
import type { DecoderCalls, DecoderThreadData } from './decoder-messages.js';
import { passGate } from './exit-gate.js';
import { openThreadChannel, serveCalls } from './serve-calls.js';

/* The thread behind `startDecoderThread`, because ONNX Runtime's binding blocks the thread that calls it. */

const { path, threads, gate } = workerData as DecoderThreadData;

let session: Promise<DecoderSession> | undefined;
const open = (): Promise<DecoderSession> =>
  (session ??= openDecoderSession({ path, threads, guard: (run) => passGate(gate, run) }));

serveCalls<DecoderCalls>(
  openThreadChannel(),
  {
    load: async () => {
      await open();
      return undefined;
    },
    logits: async (tokens) => (await open()).logits(tokens),
  },
  {
    close: async () => {
      await (await session?.catch(() => undefined))?.close();
      parentPort?.close();
    },
  },
);
