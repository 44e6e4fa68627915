import { PassThrough } from 'node:stream';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { PrunecastError } from '../core/errors/prunecast-error.js';
import { pluginFailed, pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import { RunResponse, StrategyServiceService, type RunRequest } from '../gen/prunecast/plugin/v1/plugin.js';
import type { RemoteProcess } from './remote-process.js';

/** A `Run` of a strategy that outlives the process that it began in. */
export interface ReplayedRun {
  /** Sends a step that is not answered. */
  say(request: RunRequest): void;
  /** Sends a step and waits for its answer. Throws as `RemoteProcess.run`. */
  ask(call: PluginCall, request: RunRequest): Promise<RunResponse>;
  end(): void;
}

interface Said {
  readonly request: RunRequest;
  /** Its bytes; undefined for a step that is not answered, and for one that waits for its answer. */
  answer?: Buffer;
  readonly isAsked: boolean;
}

/**
 * Begins a run with these steps. If its stream breaks off, all that was said is said again on a new one, and what it
 * answered must come again.
 */
export function openReplayedRun(remote: RemoteProcess, begin: readonly RunRequest[]): ReplayedRun {
  const { callMs } = remote.target.limits;
  const said: Said[] = begin.map((request) => ({ request, isAsked: false }));
  const over = new AbortController();
  let stream: RunStream | undefined;
  /** How much of `said` the stream has got. */
  let sent = 0;

  const catchUp = async (call: PluginCall): Promise<Buffer> => {
    let last = Buffer.alloc(0);
    if (stream === undefined) sent = 0;
    stream ??= openRunStream(remote, over.signal);
    for (let step = said[sent]; step !== undefined; step = said[sent]) {
      stream.send(step.request);
      sent += 1;
      if (!step.isAsked) continue;
      last = Buffer.from(RunResponse.encode(await stream.receive(call, callMs)).finish());
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
    say: (request) => void said.push({ request, isAsked: false }),
    ask: (call, request) => {
      said.push({ request, isAsked: true });
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

interface RunStream {
  send(request: RunRequest): void;
  receive(call: PluginCall, limitMs: number): Promise<RunResponse>;
  close(): void;
}

/** One stream. An answer that nobody waits for is one too many. */
function openRunStream(remote: RemoteProcess, signal: AbortSignal): RunStream {
  const { address } = remote.target;
  const requests = new PassThrough({ objectMode: true });
  const closed = new AbortController();
  let waiting: Waiting | undefined;
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
        if (waiting === undefined) return fail(new TooMany());
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
    send: (request) => void requests.write(request),
    receive: async (call, limitMs) => {
      if (ended instanceof TooMany) throw pluginInvalid(call, `answered what it was not asked (${address})`);
      if (ended !== undefined) throw ended;
      const timer = setTimeout(
        () => fail(pluginFailed(call, `it did not answer within ${limitMs / 1000} s (${address})`)),
        limitMs,
      );
      try {
        return await new Promise<RunResponse>((resolve, reject) => {
          waiting = { resolve, reject };
        });
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
  resolve(answer: RunResponse): void;
  reject(error: unknown): void;
}

class TooMany extends Error {}

/** A process that ends in an orderly way in the middle of a run is as one that died. */
function brokenOff(): ServiceError {
  const details = 'the run broke off';
  return Object.assign(new Error(details), { code: status.UNAVAILABLE, details, metadata: new Metadata() });
}
