import { PassThrough } from 'node:stream';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import { pluginFailed, pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import { RunResponse, StrategyServiceService, type RunRequest } from '../gen/prunecast/plugin/v1/plugin.js';
import type { RemoteProcess } from './remote-process.js';

/** A step of a run; the run itself numbers its questions. */
export type RunStep = RunRequest['step'];

/** A `Run` of a strategy that outlives the process that it began in. */
export interface ReplayedRun {
  /** Sends a step that is not answered. */
  say(step: RunStep): void;
  /** Sends a question and waits for its answer. Throws as `RemoteProcess.run`. */
  ask(call: PluginCall, step: RunStep): Promise<RunResponse>;
  end(): void;
}

interface Said {
  readonly request: RunRequest;
  /** Its bytes; undefined for a step that is not answered, and for one that waits for its answer. */
  answer?: Buffer;
}

/**
 * Begins a run with these steps. If its stream breaks off, all that was said is said again on a new one, and what it
 * answered must come again.
 */
export function openReplayedRun(remote: RemoteProcess, begin: readonly RunStep[]): ReplayedRun {
  const { callMs } = remote.target.limits;
  const said: Said[] = begin.map((step) => ({ request: { step, question: NO_QUESTION } }));
  const over = new AbortController();
  let stream: RunStream | undefined;
  /** How much of `said` the stream has got. */
  let sent = 0;
  let questions = 0;

  const catchUp = async (call: PluginCall): Promise<Buffer> => {
    let last = Buffer.alloc(0);
    if (stream === undefined) sent = 0;
    stream ??= openRunStream(remote, over.signal);
    for (let step = said[sent]; step !== undefined; step = said[sent]) {
      const { question } = step.request;
      sent += 1;
      if (question === NO_QUESTION) {
        stream.say(step.request);
        continue;
      }
      last = Buffer.from(RunResponse.encode(await stream.ask(call, step.request, callMs)).finish());
      if (step.answer?.equals(last) === false)
        throw pluginInvalid(
          call,
          `answers the same questions otherwise after a restart (${remote.target.address}): its random numbers must come from the seed alone`,
        );
      step.answer = last;
    }
    return last;
  };

  return {
    say: (step) => void said.push({ request: { step, question: NO_QUESTION } }),
    ask: (call, step) => {
      questions += 1;
      said.push({ request: { step, question: questions } });
      const work = async (): Promise<RunResponse> => {
        try {
          return RunResponse.decode(await catchUp(call));
        } catch (error) {
          stream?.close();
          stream = undefined;
          throw error;
        }
      };
      return remote.run(call, work, { place: 'free', signal: over.signal });
    },
    end: () => {
      over.abort(new PrunecastError('CANCELLED', 'the run of the strategy is over'));
      stream?.close();
    },
  };
}

/** `RunRequest.question` of a step that is not answered. */
const NO_QUESTION = 0;

interface RunStream {
  say(request: RunRequest): void;
  ask(call: PluginCall, request: RunRequest, limitMs: number): Promise<RunResponse>;
  close(): void;
}

/** One stream. It breaks off at an answer of another question than the one that waits. */
function openRunStream(remote: RemoteProcess, signal: AbortSignal): RunStream {
  const { address } = remote.target;
  const requests = new PassThrough({ objectMode: true });
  const closed = new AbortController();
  let waiting: Waiting | undefined;
  /** The last question that was answered. */
  let answered = NO_QUESTION;
  let ended: unknown;
  const fail = (error: unknown): void => {
    ended ??= error;
    waiting?.reject(error);
    waiting = undefined;
  };
  const listen = async (): Promise<void> => {
    const options = { signal: AbortSignal.any([signal, closed.signal]) };
    try {
      const method = StrategyServiceService.run;
      for await (const answer of remote.channel.exchange<RunRequest, RunResponse>(method, requests, options)) {
        if (waiting?.question !== answer.question) return fail(new OutOfTurn(answer.question, answered));
        answered = answer.question;
        waiting.resolve(answer);
        waiting = undefined;
      }
      fail(brokenOff());
    } catch (error) {
      fail(error);
    }
  };
  void listen();
  return {
    say: (request) => void requests.write(request),
    ask: async (call, request, limitMs) => {
      const timer = setTimeout(
        () => fail(pluginFailed(call, `it did not answer within ${limitMs / 1000} s (${address})`)),
        limitMs,
      );
      try {
        if (ended !== undefined) throw ended;
        return await new Promise<RunResponse>((resolve, reject) => {
          waiting = { question: request.question, resolve, reject };
          requests.write(request);
        });
      } catch (error) {
        throw error instanceof OutOfTurn ? pluginInvalid(call, `${error.message} (${address})`) : error;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => {
      requests.end();
      closed.abort();
    },
  };
}

interface Waiting {
  readonly question: number;
  resolve(answer: RunResponse): void;
  reject(error: unknown): void;
}

/** An answer that nobody waits for; its message is the fault of the plug-in. */
class OutOfTurn extends Error {
  constructor(question: number, answered: number) {
    super(
      question === NO_QUESTION
        ? 'gave an answer without the number of its question: RunResponse.question must be that of the RunRequest'
        : question <= answered
          ? `answered question ${question} again; each is answered once`
          : `answered question ${question}, which it was not asked`,
    );
  }
}

/** A process that ends in an orderly way in the middle of a run is as one that died. */
function brokenOff(): ServiceError {
  const details = 'the run broke off';
  return Object.assign(new Error(details), { code: status.UNAVAILABLE, details, metadata: new Metadata() });
}
