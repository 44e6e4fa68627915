import { InvalidArgumentError, type Command } from 'commander';
import type { PredictResponse } from '../../client/index.js';
import { PredictRequest, PredictResponse as PredictResponseMessage } from '../../gen/prunecast/v1/pruning.js';
import type { Given, JsonObject, RequestFlag } from '../../flags/request-flag.js';
import { addRequestFlags, countGiven, type RequestType } from '../options/request-option.js';
import { addServerFlags } from '../options/server.js';
import { wrapLayers } from '../../flags/target.js';
import { parseJson, parseJsonArgument, parseShares, readTextArgument } from '../../flags/values.js';
import { formatCount, formatMetric, formatShare } from '../../words/format.js';
import type { Printer } from '../output/printer.js';
import { callServer } from '../session/call-server.js';

const PREDICT: RequestType<PredictRequest> = { typeName: 'prunecast.v1.PredictRequest', codec: PredictRequest };

const PREDICTOR_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--predictor <ID>',
    summary: 'id of a fitted predictor, as a search prints it',
    field: 'predictor_id',
    required: true,
  },
  {
    flags: '--recipe-digest <DIGEST>',
    summary: 'the recipe to predict for, if the predictor knows several',
    field: 'recipe_digest',
  },
];

const ENCODING_FLAGS: readonly RequestFlag[] = [
  {
    flags: '--rates <RATES>',
    summary: "one architecture: one rate per dimension, in the predictor's order",
    field: 'encodings.rates',
    repeats: true,
    parse: (text) => [parseShares(text)],
    fill: addRows,
  },
  {
    flags: '--encodings <FILE|->',
    proposes: { from: 'files' },
    summary: 'many architectures: a JSON array of rows, or one line of comma-separated rates per architecture',
    field: 'encodings.rates',
    parse: readEncodings,
    fill: addRows,
  },
  {
    flags: '--architecture <FILE|@JSON>',
    summary: 'kept counts, encoded by the server: [{"kv_heads": 4, "query_heads_per_kv": 2, "ffn_channels": 86}, ...]',
    field: 'architectures[]',
    parse: (text) => wrapLayers(parseJsonArgument(text)),
    proposes: { from: 'files' },
    ownJson: true,
    repeats: true,
  },
];

/** `prunecast predict`: what a fitted predictor says of architectures. */
export function addPredictCommand(program: Command): void {
  const command = program
    .command('predict')
    .description('ask a fitted predictor about architectures, without running the model');
  addRequestFlags(command, PREDICT, 'Predictor', PREDICTOR_FLAGS);
  addRequestFlags(command, PREDICT, 'Architectures', ENCODING_FLAGS);
  addServerFlags(command).action(async () => {
    if (countGiven(command, ENCODING_FLAGS) === 0)
      throw new InvalidArgumentError('give --rates, --encodings or --architecture.');
    await callServer(command, PREDICT, async ({ client, request, printer }) => {
      const message = await client.predict(request);
      if (printer.format === 'json')
        printer.message({ typeName: 'prunecast.v1.PredictResponse', codec: PredictResponseMessage, message });
      else print(message, printer);
    });
  });
}

/** Adds rows to the encodings: float32, little-endian, all of one length. */
function addRows(request: JsonObject, given: readonly Given[]): string[] {
  const rows = given.flatMap(({ value }) => value as readonly (readonly number[])[]);
  const { rates: before = '', dimensions = rows[0]?.length ?? 0 } = (request['encodings'] ?? {}) as Encodings;
  const odd = rows.find((row) => row.length !== dimensions);
  if (odd !== undefined)
    throw new InvalidArgumentError(`a row has ${odd.length} rates, the first one has ${dimensions}.`);
  const bytes = Buffer.alloc(4 * dimensions * rows.length);
  rows.flat().forEach((rate, index) => bytes.writeFloatLE(rate, 4 * index));
  const rates = Buffer.concat([Buffer.from(before, 'base64'), bytes]).toString('base64');
  request['encodings'] = { rates, dimensions };
  return ['encodings.rates', 'encodings.dimensions'];
}

interface Encodings {
  readonly rates?: string;
  readonly dimensions?: number;
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

function print(response: PredictResponse, printer: Printer): void {
  const { predictions, outOfRange, parameters, denseParameters, intervalCoverage } = response;
  const interval = intervalCoverage === 0 ? 'interval' : `${Math.round(100 * intervalCoverage)} % interval`;
  const rows = predictions[0]?.mean.length ?? 0;
  const flagged = new Map(outOfRange.map(({ row, dimensions }) => [row, dimensions.join(', ')]));
  printer.table(
    [
      'row',
      ...(parameters.length === 0 ? [] : ['parameters', 'removed']),
      ...predictions.flatMap(({ metric }) => [metric, interval]),
      'outside the range of the pairs',
    ],
    Array.from({ length: rows }, (_, row) => [
      String(row),
      ...(parameters.length === 0 ? [] : describeSize(parameters[row] ?? 0n, denseParameters)),
      ...predictions.flatMap(({ mean, low, high }) => [
        formatMetric(mean[row] ?? NaN),
        formatInterval(low[row], high[row]),
      ]),
      flagged.get(row) ?? '',
    ]),
  );
  printer.lines(...describeMeasured(response), ...describeDense(response));
}

function describeSize(parameters: bigint, dense: bigint): string[] {
  return [formatCount(parameters), formatShare(1 - Number(parameters) / Number(dense))];
}

/** What the values were measured on, as far as it is known. */
function describeMeasured({ text, measurement, fidelity }: PredictResponse): string[] {
  if (measurement === undefined || fidelity === undefined) return [];
  const { window, stride, bos, textDigest, fingerprint } = measurement;
  const on = text === '' ? `a text with the digest ${textDigest.slice(0, 16)}` : `"${text}"`;
  return [
    '',
    `as measured on ${on}: ${formatCount(fidelity.windows)} ${fidelity.windows === 1 ? 'window' : 'windows'} of ${window} tokens, stride ${stride}, ${bos ? 'with' : 'without'} BOS; measurement ${fingerprint.slice(0, 16)}`,
  ];
}

/** A prediction says little without what the model had before; the windows are others, so that it is only near. */
function describeDense({ denseReportMetrics, predictions }: PredictResponse): string[] {
  const known = predictions.flatMap(({ metric }) => {
    const value = denseReportMetrics[metric];
    return value === undefined ? [] : [`${metric} ${formatMetric(value)}`];
  });
  return known.length === 0
    ? []
    : [
        `unpruned: ${known.join(', ')} on the report windows of the study: other windows, so the difference is not what pruning costs`,
      ];
}

function formatInterval(low: number | undefined, high: number | undefined): string {
  return low === undefined || high === undefined ? '' : `${formatMetric(low)} to ${formatMetric(high)}`;
}
