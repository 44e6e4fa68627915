import type { Predictor } from '../../core/ports/predictor.js';
import type { CallAnswer, CallRequest } from '../../engine/workers/call-messages.js';
import type { CallWorker } from '../../engine/workers/call-thread.js';
import { closeGently } from '../../engine/workers/close-gently.js';
import { workerUrl } from '../../engine/workers/worker-url.js';
import { startProcess } from '../../onnx-runtime/start-process.js';
import { startWorker } from '../../onnx-runtime/start-worker.js';
import { broadcastLine } from '../../plugin-host/context/plugin-context.js';
import type { LineMessage, PredictorTask } from './serve-predictor.js';

/** Starts the thread or the process of a predictor. */
export function startPredictorWorker(runsIn: Predictor['runsIn'], task: PredictorTask): CallWorker {
  return runsIn === 'process' ? startInProcess(task) : startInThread(task);
}

function startInThread(task: PredictorTask): CallWorker {
  // Its output is dropped: ml-xgboost writes to stdout when it loads.
  const worker = startWorker(workerUrl(new URL('./predictor-worker.js', import.meta.url)), {
    workerData: task,
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  const exited = new Promise<void>((resolve) => void worker.once('exit', () => resolve()));
  const end = async (): Promise<void> => {
    worker.ref(); // the caller waits for its end
    await worker.terminate();
  };
  return {
    post: (request) => worker.postMessage(request, []),
    listen: (hear, gone) => {
      worker.on('message', (answer: CallAnswer) => hear(answer));
      worker.on('error', gone);
      worker.once('exit', (code) => gone(new Error(`its thread ended by itself with code ${code}`)));
    },
    setAwaited: (isAwaited) => (isAwaited ? worker.ref() : worker.unref()),
    // A call that was just cancelled can give back what it holds, such as its place in a process of plug-ins.
    close: () => {
      worker.ref();
      return closeGently(() => worker.postMessage({ kind: 'close' } satisfies CallRequest, []), exited, end);
    },
    end,
  };
}

/** For native code that may never return: its thread could not be ended, and would keep the server from ending. */
function startInProcess(task: PredictorTask): CallWorker {
  const child = startProcess(workerUrl(new URL('./predictor-process.js', import.meta.url)));
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
    child.once('error', () => resolve()); // it could not be started
  });
  const end = async (): Promise<void> => {
    child.ref(); // the caller waits for its end
    child.kill('SIGKILL');
    await exited;
  };
  // The process may have ended before this message; its end is reported separately.
  const send = (message: object): void => void child.send(message, () => undefined);
  send(task);
  return {
    post: send,
    listen: (hear, gone) => {
      child.on('message', (message) => {
        const heard = message as CallAnswer | LineMessage;
        if (heard.kind === 'line') broadcastLine(task.address.host, heard.line);
        else hear(heard);
      });
      child.on('error', gone);
      child.once('exit', (code, signal) =>
        gone(new Error(`its process ended by itself with ${signal ?? `code ${code}`}`)),
      );
    },
    setAwaited: (isAwaited) => {
      const act = isAwaited ? 'ref' : 'unref';
      child[act]();
      child.channel?.[act]();
    },
    close: end,
    end,
  };
}
