import type { Command } from 'commander';
import type { ScoreUnitsResponse } from '../../client/index.js';
import { addRecipeFlags, readRecipe, type RecipeFlags } from '../flags/recipe.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { formatMetric } from '../output/format.js';
import { createPrinter } from '../output/printer.js';
import { useServer } from '../session/use-server.js';

type Flags = ServerFlags & RecipeFlags & { readonly model: string };

/** `prunecast score`: a criterion's scores of all units. */
export function addScoreCommand(program: Command): void {
  const command = program
    .command('score')
    .description("show a criterion's scores: a summary, or with --json all of them, an object a layer")
    .requiredOption('--model <DIR>', 'checkpoint folder');
  addServerFlags(addRecipeFlags(command)).action(async (flags: Flags) => {
    const printer = createPrinter(flags);
    await useServer(flags, { model: flags.model, texts: [flags.calibration] }, async ({ client, places }) => {
      const recipe = readRecipe(flags, places.toText);
      const layers: ScoreUnitsResponse[] = [];
      for await (const layer of client.services.models.scoreUnits({
        model: places.model,
        ...(recipe !== undefined && { recipe }),
      })) {
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
    });
  });
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
