import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import {
  CallError,
  Control,
  createClient,
  packUnits,
  type Calibration,
  type DeepPartial,
  type LayerArchitecture,
  type LayerKeptUnits,
  type PrunecastClient,
  type Recipe,
  type SearchRequest,
  type Text,
  type Trial,
} from '../../../src/client/index.js';
import type { KeptUnits } from '../../../src/core/model/units.js';
import type { ConfigOptions } from '../../../src/server/config/config.js';
import type { ServerAdditions } from '../../../src/server/start-server.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { makeFolder, startTestServer, type TestServer, type TestServerOptions } from '../../support/test-server.js';

/** The folder that holds the demo model's folder. */
export const MODELS_ROOT = resolve(import.meta.dirname, '../../../models');

export const DEMO = 'stories260k';

/** The units are ranked only by their weights, and kept weights are unchanged: no text is needed. */
export const MAGNITUDE: DeepPartial<Recipe> = { criterion: { id: 'magnitude' }, compensation: { id: 'none' } };

export interface VerbServer extends AsyncDisposable {
  readonly server: TestServer;
  readonly client: PrunecastClient;
  /** A path below the folder whose `models`, `texts` and `outputs` are the server's roots. */
  path(...parts: readonly string[]): string;
}

/** A server with the demo model and what it writes itself under its model roots, and a client of it. */
export async function startVerbServer({
  folder,
  config = {},
  ...additions
}: {
  readonly folder?: string;
  readonly config?: ConfigOptions;
} & Pick<TestServerOptions, 'startServer'> &
  ServerAdditions = {}): Promise<VerbServer> {
  const base = folder ?? (await makeFolder());
  const server = await startTestServer({
    folder: base,
    ...additions,
    config: {
      modelRoots: [MODELS_ROOT, join(base, 'models'), join(base, 'outputs')],
      dataRoots: [join(base, 'texts'), MODELS_ROOT],
      ...config,
    },
  });
  const client = createClient({ address: server.address });
  return {
    server,
    client,
    path: (...parts) => join(base, ...parts),
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.stop();
      if (folder === undefined) await rm(base, { recursive: true, force: true });
    },
  };
}

/** A text as token ids. */
export function tokenText(ids: readonly number[]): DeepPartial<Text> {
  return { source: { $case: 'tokenIds', value: { ids: [...ids] } } };
}

/** 32 windows of 128 tokens, each with its own BOS: those of the reference perplexities. */
export const REFERENCE_TEXT = tokenText(CRITERIA.evaluation_ids.flat());

/**
 * The sequences that the reference scores were found with, as the spread over a text of exactly one more: the first is never
 * taken, and 16 of the other 16 are all of them.
 */
export const CALIBRATION: DeepPartial<Calibration> = {
  text: tokenText([...Array.from({ length: 128 }, () => 1), ...CRITERIA.calibration_ids.flat()]),
  sequences: 16,
  sequenceTokens: 128,
  bos: false,
};

/** A part of the reference text, in windows. */
export function referenceWindows(from: number, to: number): DeepPartial<Text> {
  return tokenText(CRITERIA.evaluation_ids.slice(from, to).flat());
}

/** Layers of the demo model, which has 4 key-value heads and 172 channels in each; the 2 query heads of a group stay together. */
export function demoLayers(counts: readonly (readonly [kvHeads: number, ffnChannels: number])[]): LayerArchitecture[] {
  return counts.map(([kvHeads, ffnChannels]) => ({ kvHeads, queryHeadsPerKv: kvHeads === 0 ? 0 : 2, ffnChannels }));
}

/**
 * Parameters of the demo model with these layers, by hand: hidden 64, heads of 8, embeddings of 512 tied.
 * A half-block that is dropped takes its norm along.
 */
export function countDemoParameters(layers: readonly LayerArchitecture[]): number {
  return layers.reduce(
    (sum, { kvHeads, queryHeadsPerKv, ffnChannels }) => {
      const attention = kvHeads === 0 ? 0 : 64 + 2 * 64 * 8 * kvHeads * queryHeadsPerKv + 2 * 64 * 8 * kvHeads;
      return sum + attention + (ffnChannels === 0 ? 0 : 64 + 3 * 64 * ffnChannels);
    },
    512 * 64 + 64,
  );
}

/** A study of seconds: 20 % fewer parameters, all five layers prunable, no calibration. */
export function smallSearch(changes: DeepPartial<SearchRequest> = {}): DeepPartial<SearchRequest> {
  return {
    model: DEMO,
    recipes: [MAGNITUDE],
    space: { protectedLayers: { layers: [] } },
    budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
    texts: { text: REFERENCE_TEXT },
    pairs: { count: 24, rungs: [{ tokenLimit: 256n }] },
    candidates: 300n,
    verify: { count: 3, rungs: [{ tokenLimit: 256n }] },
    predictor: { id: 'ridge' },
    strategy: { id: 'random' },
    rounds: 1,
    // Those that the study does not pay for twice.
    controls: [Control.UNIFORM_PAPER, Control.UNIFORM_BEST, Control.GLOBAL_THRESHOLD, Control.CALIBRATION_ERROR],
    seed: 3n,
    ...changes,
  };
}

/** All trials of a study, page by page. */
export async function listTrials(client: PrunecastClient, studyId: string, pageSize = 1000): Promise<Trial[]> {
  const trials: Trial[] = [];
  let pageToken = '';
  do {
    const page = await client.services.studies.listTrials({ studyId, pageSize, pageToken });
    expect(page.trials.length).toBeLessThanOrEqual(pageSize);
    trials.push(...page.trials);
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return trials;
}

/** The refusal that a call must end with; no job and no output may come of it. */
export async function refusalOf(
  { client, path }: VerbServer,
  call: () => Promise<unknown>,
): Promise<{
  code: string;
  reason: string;
  fields: string[];
  metadata: Readonly<Record<string, string>>;
  message: string;
}> {
  const describe = async () => ({
    jobs: (await client.services.jobs.listJobs({})).jobs.map(({ id, state }) => [id, state]),
    outputs: (await readdir(path('outputs'), { recursive: true }).catch(() => [])).toSorted(),
  });
  const before = await describe();
  const error = await call().then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(CallError);
  expect(await describe()).toEqual(before);
  const { code, reason, violations, metadata, message } = error as CallError;
  return { code, reason, fields: violations.map(({ field }) => field), metadata, message };
}

/** The header and the values of a safetensors file. */
export async function readWeights(file: string): Promise<{
  readonly header: Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;
  readonly bytes: Buffer;
  readonly values: Buffer;
}> {
  const bytes = await readFile(file);
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: _, ...header } = JSON.parse(bytes.toString('utf8', 8, end)) as Record<
    string,
    { dtype: string; shape: number[]; data_offsets: [number, number] }
  >;
  return { header, bytes, values: bytes.subarray(end) };
}

/** Kept units as a request names them: bitmaps that end with the last kept unit. */
export function encodeUnits(kept: KeptUnits): { layers: LayerKeptUnits[] } {
  return {
    layers: kept.map(({ kvGroups, queryHeads, ffnChannels }) => ({
      kvGroups: pack(kvGroups),
      queryHeads: pack(queryHeads),
      ffnChannels: pack(ffnChannels),
    })),
  };
}

function pack(units: readonly number[]): Buffer {
  return Buffer.from(packUnits(units, 1 + Math.max(-1, ...units)));
}
