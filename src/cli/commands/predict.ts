import { InvalidArgumentError, type Command } from 'commander';
import type { PredictResponse } from '../../client/index.js';
import { PredictResponse as PredictResponseMessage } from '../../gen/prunecast/v1/pruning.js';
import { addServerFlags, type ServerFlags } from '../flags/server.js';
import { collect, parseJson, parseShares, readTextArgument } from '../flags/values.js';
import { formatMetric } from '../output/format.js';
import { createPrinter, type Printer } from '../output/printer.js';
import { useServer } from '../session/use-server.js';

type Flags = ServerFlags & {
  readonly predictor: string;
  readonly rates?: readonly (readonly number[])[];
  readonly encodings?: string;
  readonly recipeDigest?: string;
};

/** `prunecast predict`: what a fitted predictor says of architectures. */
export function addPredictCommand(program: Command): void {
  const command = program
    .command('predict')
    .description('ask a fitted predictor about architectures, without running the model')
    .requiredOption('--predictor <ID>', 'id of a fitted predictor, as a search names it')
    .option(
      '--rates <RATES>',
      "one architecture: a rate a dimension, in the predictor's order; may be repeated",
      collect(parseShares),
    )
    .option('--encodings <FILE|->', 'many: a JSON array of rows, or a line of comma-separated rates an architecture')
    .option('--recipe-digest <DIGEST>', 'which recipe, where the predictor knows several');
  addServerFlags(command).action(async (flags: Flags) => {
    const rows = [...(flags.rates ?? []), ...(flags.encodings === undefined ? [] : readEncodings(flags.encodings))];
    const dimensions = rows[0]?.length ?? 0;
    if (rows.length === 0) throw new InvalidArgumentError('give --rates or --encodings.');
    const odd = rows.findIndex((row) => row.length !== dimensions);
    if (odd >= 0)
      throw new InvalidArgumentError(`row ${odd} has ${rows[odd]?.length} rates, the first has ${dimensions}.`);
    const printer = createPrinter(flags);
    await useServer(flags, {}, async ({ client }) => {
      const message = await client.predict({
        predictorId: flags.predictor,
        recipeDigest: flags.recipeDigest ?? '',
        encodings: { rates: toBytes(rows.flat()), dimensions },
      });
      if (printer.format === 'json')
        printer.message({ typeName: 'prunecast.v1.PredictResponse', codec: PredictResponseMessage, message });
      else print(message, rows.length, printer);
    });
  });
}

function readEncodings(source: string): number[][] {
  const text = readTextArgument(source).trim();
  if (!text.startsWith('[')) return text.split('\n').map((line) => parseShares(line));
  const rows = parseJson(text, source);
  if (
    !Array.isArray(rows) ||
    !rows.every((row) => Array.isArray(row) && row.every((rate) => typeof rate === 'number'))
  ) {
    throw new InvalidArgumentError(`${source}: encodings are an array of arrays of numbers.`);
  }
  return rows as number[][];
}

function print({ predictions, outOfRange }: PredictResponse, rows: number, printer: Printer): void {
  const flagged = new Map(outOfRange.map(({ row, dimensions }) => [row, dimensions.join(', ')]));
  printer.table(
    ['row', ...predictions.flatMap(({ metric }) => [metric, 'interval']), 'outside the range of the pairs'],
    Array.from({ length: rows }, (_, row) => [
      String(row),
      ...predictions.flatMap(({ mean, low, high }) => [
        formatMetric(mean[row] ?? NaN),
        formatInterval(low[row], high[row]),
      ]),
      flagged.get(row) ?? '',
    ]),
  );
}

function formatInterval(low: number | undefined, high: number | undefined): string {
  return low === undefined || high === undefined ? '' : `${formatMetric(low)} to ${formatMetric(high)}`;
}

/** Little-endian float32. */
function toBytes(rates: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * rates.length);
  rates.forEach((rate, index) => bytes.writeFloatLE(rate, 4 * index));
  return bytes;
}
