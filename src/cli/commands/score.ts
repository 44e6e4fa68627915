import type { Command } from 'commander';
import type { ScoreUnitsResponse } from '../../client/index.js';
import { ScoreUnitsRequest } from '../../gen/prunecast/v1/model.js';
import { modelFlag } from '../../flags/paths.js';
import { recipeFlags } from '../../flags/recipe.js';
import { addRequestFlags, type RequestType } from '../options/request-option.js';
import { addServerFlags } from '../options/server.js';
import { showFirst } from '../options/short-help.js';
import { formatMetric } from '../../words/format.js';
import { callServer } from '../session/call-server.js';
import { nameOutput, repeatFlags } from '../session/next-commands.js';

const SCORE: RequestType<ScoreUnitsRequest> = { typeName: 'prunecast.v1.ScoreUnitsRequest', codec: ScoreUnitsRequest };

/** `prunecast score`: a criterion's scores of all units. */
export function addScoreCommand(program: Command): void {
  const command = program
    .command('score')
    .description("show a criterion's scores: a summary, or with --json all of them, one object per layer");
  addRequestFlags(command, SCORE, 'Model', [modelFlag()]);
  addRequestFlags(command, SCORE, 'Recipe', recipeFlags('recipe'));
  addServerFlags(command);
  showFirst(command, ['--model', '--criterion', '--compensation', '--calibration', '--sequences']).action(() =>
    callServer(command, SCORE, async ({ client, request, printer, paths, sources, suggest }) => {
      const layers: ScoreUnitsResponse[] = [];
      for await (const layer of client.services.models.scoreUnits(request)) {
        layers.push(layer);
        if (printer.format === 'json') printer.json(listScores(layer));
      }
      printer.table(
        ['layer', 'units', 'count', 'lowest', 'median', 'highest'],
        layers.flatMap(({ layer, ...scores }) =>
          KINDS.map(([kind, title]) => [String(layer), title, ...summarize(toFloats(scores[kind]))]),
        ),
      );
      printer.lines('', `recipe ${layers[0]?.recipeDigest ?? ''}`);
      const model = paths.model ?? '';
      suggest({
        why: 'to remove a fifth of the parameters by these scores',
        words: [
          'prune',
          '--model',
          model,
          '--remove',
          '20%',
          ...repeatFlags(sources, 'recipe.'),
          '--output',
          nameOutput(model),
        ],
      });
    }),
  );
}

const KINDS = [
  ['ffnChannels', 'FFN channels'],
  ['queryHeads', 'query heads'],
  ['kvGroups', 'kv groups'],
] as const;

// Plain numbers and not proto JSON, whose bytes are base64: scores are for plotting.
function listScores(layer: ScoreUnitsResponse): unknown {
  return {
    layer: layer.layer,
    recipe_digest: layer.recipeDigest,
    ffn_channels: toFloats(layer.ffnChannels),
    query_heads: toFloats(layer.queryHeads),
    kv_groups: toFloats(layer.kvGroups),
    ...(layer.ffnErrors.length > 0 && { ffn_errors: toFloats(layer.ffnErrors) }),
    ...(layer.attentionErrors.length > 0 && { attention_errors: toFloats(layer.attentionErrors) }),
  };
}

function summarize(scores: readonly number[]): string[] {
  const sorted = [...scores].sort((a, b) => a - b);
  const at = (share: number) => formatMetric(sorted[Math.round(share * (sorted.length - 1))] ?? NaN);
  return [String(sorted.length), at(0), at(0.5), at(1)];
}

/** Little-endian float32. */
function toFloats(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.byteLength / 4 }, (_, index) => view.getFloat32(4 * index, true));
}
