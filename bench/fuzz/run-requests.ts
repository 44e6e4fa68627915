import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { reflect } from '@bufbuild/protobuf/reflect';
import { createRng, type Rng } from '../../src/core/random.js';
import { drawBytes, happens, pick } from './draw-value.js';
import { judgeOneCall, runTurns } from './fuzz-run.js';
import type { ApiMethod } from './list-methods.js';
import { drawMessage, mutateBytes, mutateMessage } from './mutate-message.js';
import type { Seeds } from './seed-requests.js';
import type { Tally } from './tally.js';
import type { WatchedServer } from './watched-server.js';

export interface RequestFuzz {
  readonly server: WatchedServer;
  readonly tally: Tally;
  readonly seeds: Seeds;
  readonly methods: readonly ApiMethod[];
  readonly seed: number;
  /** The numbers of the requests to send; each request depends only on the seed and its number. */
  readonly turns: readonly number[];
  readonly onDone: () => void;
}

/** The most calls under way. */
const WIDTH = 4;

/** The share of requests whose bytes are damaged, in addition to changed fields. */
const DAMAGED = 0.15;

/** The share of requests that are random bytes. */
const NOISE = 0.01;

/** The share of requests that are random from the start, and not changed from one that is answered. */
const RANDOM = 0.1;

/** The largest message that is sent; gRPC itself refuses larger ones. */
const MOST_BYTES = 4 * 2 ** 20 - 1;

/** Deadlines of calls: most are long enough for any answer without a job. */
const DEADLINES_MS = [1000, 1000, 1000, 300, 20];

/** Sends mutated requests of all methods to a server. */
export function runRequests({ server, tally, seeds, methods, seed, turns, onDone }: RequestFuzz): Promise<void> {
  const missing = methods.filter(({ name }) => seeds.requests[name] === undefined);
  if (missing.length > 0)
    throw new Error(`no requests to begin with for ${missing.map(({ name }) => name).join(', ')}`);
  return runTurns(turns, WIDTH, async (turn) => {
    if (server.ended.aborted) return;
    const rng = createRng(seed).fork(`request/${turn}`);
    const method = pick(rng, methods);
    await judgeOneCall(server, tally, {
      method,
      requests: drawRequests(method, seeds, rng),
      origin: `request/${turn}`,
      deadlineMs: pick(rng, DEADLINES_MS),
    });
    onDone();
  });
}

/** A mutated request of a method, as the messages that it is sent in. */
export function drawRequests(method: ApiMethod, seeds: Seeds, rng: Rng): readonly Uint8Array[] {
  const request = pick(rng, seeds.requests[method.name] ?? [[]]);
  const changed = rng.integer(request.length);
  const messages = request.map((bytes, index) => (index === changed ? mutateOne(method, bytes, seeds, rng) : bytes));
  if (method.kind !== 'client_streaming' || !happens(rng, 0.2)) return messages;
  return happens(rng, 0.5) ? messages.slice(1) : rng.shuffle(messages);
}

function mutateOne({ input, name }: ApiMethod, bytes: Uint8Array, { known }: Seeds, rng: Rng): Uint8Array {
  if (happens(rng, NOISE)) return drawBytes(rng);
  // What later requests ask about is kept.
  const own = name.includes('.Delete') ? [] : known;
  const message = happens(rng, RANDOM) ? drawMessage(input, rng, own).message : fromBinary(input, bytes);
  mutateMessage(reflect(input, message), rng, own);
  const encoded = toBinary(input, message);
  if (encoded.length > MOST_BYTES) return bytes;
  const sent = happens(rng, DAMAGED) ? mutateBytes(encoded, rng) : encoded;
  return sent.length > MOST_BYTES ? bytes : sent;
}
