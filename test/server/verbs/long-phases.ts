import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  Control,
  type DeepPartial,
  type JobEvent,
  type JobProgress,
  type PrunecastClient,
  type PruneRequest,
  type Recipe,
  type SearchRequest,
} from '../../../src/client/index.js';
import { writeRandomCheckpoint } from '../../../bench/random-checkpoint.js';
import { DEMO_DIRECTORY } from '../../support/demo-model.js';
import { MAGNITUDE, smallSearch, tokenText } from './verb-server.js';

/** A model with so many channels that whatever computes with it takes seconds. */
export const WIDE = 'wide';

export async function writeWideModel(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeRandomCheckpoint(folder, {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    hidden_size: 64,
    intermediate_size: 3072,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    num_hidden_layers: 4,
    vocab_size: 512,
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    bos_token_id: 1,
    hidden_act: 'silu',
  });
  await copyFile(join(DEMO_DIRECTORY, 'tokenizer.json'), join(folder, 'tokenizer.json'));
}

/** A phase of a job that would go on for seconds. */
export interface LongPhase {
  readonly name: string;
  readonly begin: (client: PrunecastClient, output: string) => AsyncIterable<JobEvent>;
  /** Whether the job is in it. */
  readonly isReached: (progress: JobProgress) => boolean;
}

const WINDOW = 128;
const text = (windows: number) => tokenText(Array.from({ length: windows * WINDOW }, (_, at) => (at * 7919) % 512));
const MANY = 600;

function prune(
  id: string,
  compensation: DeepPartial<Recipe['compensation']>,
  sequences: number,
  more: DeepPartial<PruneRequest> = {},
): LongPhase['begin'] {
  return (client, output) =>
    client.prune({
      model: WIDE,
      recipe: {
        criterion: { id },
        compensation,
        calibration: { text: text(sequences + 1), sequences, sequenceTokens: WINDOW, bos: false },
      },
      selection: { $case: 'uniformRate', value: 0.25 },
      output,
      ...more,
    });
}

const NONE = { id: 'none' };
const LEAST_SQUARES = { id: 'least-squares' };

const search =
  (changes: DeepPartial<SearchRequest>): LongPhase['begin'] =>
  (client, output) =>
    client.search(smallSearch({ output, controls: [Control.UNIFORM_PAPER], ...changes }));

const inPhase = (phase: string) => (progress: JobProgress) => progress.phase?.name === phase;
const at = (activity: string) => (progress: JobProgress) => progress.activity.startsWith(activity);
const within = (activity: string) => (progress: JobProgress) => at(activity)(progress) && progress.done > 0n;

/** What takes long in the jobs of all kinds. */
export const LONG_PHASES: readonly LongPhase[] = [
  { name: 'calibrating', begin: prune('fluctuation', NONE, MANY), isReached: within('calibrating') },
  { name: 'scoring by gradients', begin: prune('taylor', NONE, 100), isReached: within('scoring units') },
  {
    name: 'scoring by elimination',
    begin: prune('obs', NONE, 4),
    isReached: at('factorising'),
  },
  {
    name: 'mending while writing',
    begin: prune('magnitude', LEAST_SQUARES, 4),
    isReached: at('compensating the weights'),
  },
  {
    name: 'mending on the stream',
    begin: prune('magnitude', { ...LEAST_SQUARES, options: { fit: 'stream', refit: 'all' } }, 16),
    isReached: inPhase('compensate'),
  },
  {
    name: 'sharing a budget by errors',
    begin: prune('magnitude', LEAST_SQUARES, 4, {
      selection: { $case: 'budgets', value: { budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }] } },
    }),
    isReached: at('measuring errors'),
  },
  {
    name: 'training',
    begin: prune('magnitude', NONE, 4, {
      recovery: {
        plugin: { id: 'distill' },
        text: { text: text(101), sequences: 100, sequenceTokens: WINDOW, bos: false },
      },
    }),
    isReached: at('recovering'),
  },
  {
    name: 'measuring',
    begin: (client) =>
      client.evaluate({
        model: WIDE,
        recipe: MAGNITUDE,
        measurement: { text: text(MANY), windows: { window: WINDOW } },
      }),
    isReached: within('evaluating'),
  },
  {
    name: 'labelling pairs',
    begin: search({ model: WIDE, texts: { text: text(MANY) }, pairs: { count: 16, rungs: [{ tokenLimit: 20_000n }] } }),
    isReached: within('labelling pairs'),
  },
  { name: 'fitting', begin: search({ predictor: { id: 'auto' } }), isReached: inPhase('fit') },
  { name: 'predicting candidates', begin: search({ candidates: 1_000_000n }), isReached: inPhase('search') },
];
