import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import type { DeepPartial, EvaluateRequest, PruneRequest, Recipe } from '../../src/client/index.js';
import { createRng } from '../../src/core/random.js';
import { InspectModelRequest } from '../../src/gen/prunecast/v1/model.js';
import { EvaluateRequest as Evaluate, PruneRequest as Prune } from '../../src/gen/prunecast/v1/pruning.js';
import type { CallOutcome } from './call-method.js';
import { happens } from './draw-value.js';
import { judgeOneCall, runTurns } from './fuzz-run.js';
import { listMethods } from './list-methods.js';
import { mutateCheckpoint, type FuzzCheckpoint, type FuzzTensor } from './mutate-checkpoint.js';
import type { Tally } from './tally.js';
import type { WatchedServer } from './watched-server.js';
import { writeCheckpoint } from './write-checkpoint.js';

export interface CheckpointFuzz {
  readonly server: WatchedServer;
  readonly tally: Tally;
  readonly demo: string;
  /** A model root of the server. */
  readonly models: string;
  readonly seed: number;
  readonly turns: readonly number[];
  readonly onDone: () => void;
}

const WIDTH = 2;

const DEADLINE_MS = 20_000;

const CALIBRATED: DeepPartial<Recipe> = {
  criterion: { id: 'wanda' },
  compensation: { id: 'least-squares' },
  calibration: {
    text: {
      source: {
        $case: 'tokenIds',
        value: { ids: Array.from({ length: 300 }, (_, index) => 3 + ((index * 37) % 500)) },
      },
    },
    sequences: 8,
    sequenceTokens: 32,
  },
};

/**
 * Gives damaged checkpoints to a server: each is inspected and evaluated, some are pruned, and the outputs must load.
 */
export async function runCheckpoints({
  server,
  tally,
  demo,
  models,
  seed,
  turns,
  onDone,
}: CheckpointFuzz): Promise<void> {
  const base = await readBase(demo);
  const methods = new Map(listMethods().map((method) => [method.name, method]));
  const call = (name: string, request: Uint8Array, origin: string): Promise<CallOutcome> => {
    const method = methods.get(name);
    if (method === undefined) throw new Error(`the API has no ${name}`);
    return judgeOneCall(server, tally, { method, requests: [request], origin, deadlineMs: DEADLINE_MS });
  };
  await runTurns(turns, WIDTH, async (turn) => {
    if (server.ended.aborted) return;
    const rng = createRng(seed).fork(`checkpoint/${turn}`);
    const origin = `checkpoint/${turn}`;
    const checkpoint = copyBase(base);
    mutateCheckpoint(checkpoint, rng);
    const model = `damaged-${turn}`;
    const output = `output-${turn}`;
    await writeCheckpoint(join(models, model), checkpoint);
    await call(
      'ModelService.InspectModel',
      InspectModelRequest.encode(InspectModelRequest.fromPartial({ model })).finish(),
      origin,
    );
    const recipe = happens(rng, 0.5) ? CALIBRATED : { criterion: { id: 'magnitude' }, compensation: { id: 'none' } };
    const hasText = happens(rng, 0.5);
    const source = await call(
      'PruningService.Evaluate',
      Evaluate.encode(Evaluate.fromPartial(describeEvaluation(model, recipe, hasText))).finish(),
      origin,
    );
    if (happens(rng, 0.4)) {
      const pruned: DeepPartial<PruneRequest> = {
        model,
        selection: { $case: 'uniformRate', value: 0.25 },
        space: { protectedLayers: { layers: [] } },
        recipe,
        exporter: { id: 'hf' },
        output,
      };
      const { code } = await call('PruningService.Prune', Prune.encode(Prune.fromPartial(pruned)).finish(), origin);
      // If the source itself has no perplexity, its part may have none.
      if (code === status.OK && source.code === status.OK) {
        const again = await call(
          'PruningService.Evaluate',
          Evaluate.encode(Evaluate.fromPartial(describeEvaluation(output, undefined, hasText))).finish(),
          origin,
        );
        if (again.code !== status.OK)
          tally.fault({
            kind: 'an output does not evaluate',
            text: `${status[again.code] ?? again.code}: ${again.message}`,
            origin,
          });
      }
    }
    await rm(join(models, model), { recursive: true, force: true });
    onDone();
  });
}

/** A few windows of a short text, or of tokens that need no tokenizer. */
function describeEvaluation(
  model: string,
  recipe: DeepPartial<Recipe> | undefined,
  hasText: boolean,
): DeepPartial<EvaluateRequest> {
  return {
    model,
    ...(recipe === undefined
      ? {}
      : {
          recipe,
          targets: [{ target: { $case: 'dense', value: {} } }, { target: { $case: 'uniformRate', value: 0.5 } }],
          space: { protectedLayers: { layers: [] } },
        }),
    measurement: {
      text: hasText
        ? { source: { $case: 'inline', value: 'Once upon a time there was a cat. '.repeat(20) } }
        : {
            source: {
              $case: 'tokenIds',
              value: { ids: Array.from({ length: 64 }, (_, index) => 3 + ((index * 29) % 500)) },
            },
          },
      windows: { window: 16 },
    },
    fidelity: { tokenLimit: 64n },
  };
}

interface Base {
  readonly config: Readonly<Record<string, unknown>>;
  readonly tokenizer: Readonly<Record<string, unknown>>;
  readonly tensors: readonly Readonly<FuzzTensor>[];
}

async function readBase(demo: string): Promise<Base> {
  const read = async (name: string): Promise<Record<string, unknown>> =>
    JSON.parse(await readFile(join(demo, name), 'utf8')) as Record<string, unknown>;
  const weights = await readFile(join(demo, 'model.safetensors'));
  const end = 8 + Number(weights.readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(weights.toString('utf8', 8, end)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  const tensors = Object.entries(header).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => ({ name, dtype, shape, bytes: new Uint8Array(weights.subarray(end + from, end + to)) }),
  );
  return { config: await read('config.json'), tokenizer: await read('tokenizer.json'), tensors };
}

function copyBase({ config, tokenizer, tensors }: Base): FuzzCheckpoint {
  return {
    config: structuredClone(config) as Record<string, unknown>,
    tokenizer: structuredClone(tokenizer) as Record<string, unknown>,
    tensors: tensors.map((tensor) => ({ ...tensor })),
    shards: 1,
    damage: [],
  };
}
