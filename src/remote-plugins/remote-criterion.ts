import type { ScoredKind } from '../core/model/unit-groups.js';
import type { GroupScores, ModelCriterion, ScoredModel } from '../core/ports/criterion.js';
import { pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import {
  CriterionServiceService,
  UnitKind,
  type CriterionInfo,
  type ScoreRequest,
  type ScoreResponse,
} from '../gen/prunecast/plugin/v1/plugin.js';
import { readFloat32, toBytes } from './little-endian.js';
import type { RemoteManifest } from './remote-manifest.js';
import type { RemoteProcess } from './remote-process.js';

/** Bytes of tokens in one message, well below what a message may have. */
const PIECE_BYTES = 1_000_000;

/** A criterion of another process: it reads the checkpoint by its own means. */
export function createRemoteCriterion(
  manifest: RemoteManifest,
  { needsCalibration }: CriterionInfo,
  remote: RemoteProcess,
): ModelCriterion {
  const { id } = manifest;
  const limitMs = remote.target.limits.workMs;
  const call: PluginCall = { kind: 'criterion', id, method: 'scoreModel' };
  return {
    ...manifest,
    kind: 'criterion',
    needs: needsCalibration ? ['checkpoint', 'sequences'] : ['checkpoint'],
    scoreModel: async function* scoreModel(model, options, { signal }) {
      // All at once: if the process dies, it begins again.
      yield* await remote.run(
        call,
        async () => {
          const all: GroupScores[] = [];
          const requests = describeModel(id, model, options);
          const answers = remote.channel.exchange(CriterionServiceService.score, requests, { limitMs, signal });
          for await (const answer of answers) {
            all.push(readScores(call, answer));
            if (all.length > model.groups.length)
              throw pluginInvalid(call, `gave scores of more than the ${model.groups.length} groups of units`);
          }
          return all;
        },
        { signal },
      );
    },
  };
}

function* describeModel(
  id: string,
  { directory, digest, groups, sequences = [], seed }: ScoredModel,
  options: unknown,
): Generator<ScoreRequest> {
  const start = {
    id,
    options: options as Record<string, unknown>,
    seed: BigInt(seed),
    checkpointFolder: directory,
    modelDigest: digest,
    groups: groups.map(({ layer, kind, units }) => ({ layer, kind: KINDS[kind], units })),
    sequences: sequences.length,
  };
  yield { part: { $case: 'start', value: start } };
  for (const some of gather(sequences)) {
    const tokens = Buffer.concat(some.map(toBytes));
    yield { part: { $case: 'calibration', value: { tokens, lengths: some.map(({ length }) => length) } } };
  }
}

/** As many sequences together as fit into a message, one at least. */
function* gather(sequences: readonly Int32Array[]): Generator<readonly Int32Array[]> {
  let some: Int32Array[] = [];
  let bytes = 0;
  for (const sequence of sequences) {
    if (some.length > 0 && bytes + sequence.byteLength > PIECE_BYTES) {
      yield some;
      some = [];
      bytes = 0;
    }
    some.push(sequence);
    bytes += sequence.byteLength;
  }
  if (some.length > 0) yield some;
}

const KINDS = {
  ffn_channel: UnitKind.FFN_CHANNEL,
  query_head: UnitKind.QUERY_HEAD,
  kv_group: UnitKind.KV_GROUP,
} as const satisfies Record<ScoredKind, UnitKind>;

/** That each group is there once, with a finite score for each unit, is checked of every plug-in. */
function readScores(call: PluginCall, { layer, kind, scores }: ScoreResponse): GroupScores {
  const found = (Object.keys(KINDS) as ScoredKind[]).find((name) => KINDS[name] === kind);
  const numbers = readFloat32(scores);
  if (found === undefined || numbers === undefined)
    throw pluginInvalid(call, `gave ${scores.length} bytes of scores for layer ${layer} and kind ${kind}`);
  return { layer, kind: found, scores: numbers };
}
