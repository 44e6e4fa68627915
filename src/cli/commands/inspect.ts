import type { Command } from 'commander';
import { DimensionKind, Dtype, type InspectModelResponse } from '../../client/index.js';
import {
  InspectModelRequest,
  InspectModelResponse as InspectModelResponseMessage,
} from '../../gen/prunecast/v1/model.js';
import { modelFlag } from '../../flags/paths.js';
import { addRequestFlags, type RequestType } from '../options/request-option.js';
import { addServerFlags } from '../options/server.js';
import { showFirst } from '../options/short-help.js';
import { spaceFlags } from '../../flags/space.js';
import { formatBytes, formatCount, formatEnum } from '../../words/format.js';
import { describeNotes } from '../output/describe-exports.js';
import { printLoads } from '../output/print-loads.js';
import type { Printer } from '../output/printer.js';
import { callServer } from '../session/call-server.js';
import { TEXT_TO_NAME } from '../session/next-commands.js';

const INSPECT: RequestType<InspectModelRequest> = {
  typeName: 'prunecast.v1.InspectModelRequest',
  codec: InspectModelRequest,
};

/** `prunecast inspect`: what a checkpoint is, what can be pruned, and what will load the outcome. */
export function addInspectCommand(program: Command): void {
  const command = program
    .command('inspect')
    .description('show the sizes of a model, its prunable dimensions, and what will load it when it is pruned');
  addRequestFlags(command, INSPECT, 'Model', [modelFlag()]);
  addRequestFlags(command, INSPECT, 'Search space', spaceFlags('space'));
  addServerFlags(command);
  showFirst(command, ['--model', '--protect', '--kinds', '--max-rate', '--target']).action(() =>
    callServer(command, INSPECT, async ({ client, request, printer, paths, suggest }) => {
      const message = await client.services.models.inspectModel(request);
      if (printer.format === 'json')
        printer.message({ typeName: 'prunecast.v1.InspectModelResponse', codec: InspectModelResponseMessage, message });
      else print(message, printer);
      if (!message.hasTokenizer) return; // what measures it on a text would be refused
      suggest({
        why: `to measure it on a text of yours, here called ${TEXT_TO_NAME}`,
        words: ['evaluate', '--model', paths.model ?? '', '--text', TEXT_TO_NAME],
      });
    }),
  );
}

function print(model: InspectModelResponse, printer: Printer): void {
  const { layers } = model.architecture ?? { layers: [] };
  printer.lines(
    `${model.model}: ${model.family}, ${formatCount(model.parameters)} parameters, ${formatBytes(model.weightBytes)} of ${model.dtypes.map((dtype) => formatEnum(Dtype, dtype).toUpperCase()).join(' ')}`,
    `hidden ${model.hidden}, head dim ${model.headDim}, vocabulary ${formatCount(model.vocabulary)}${model.tiedEmbeddings ? ' (tied)' : ''}, ${model.hasTokenizer ? 'with' : 'without'} a tokenizer`,
    `checkpoint ${model.checkpointDigest}`,
    ...describeNotes(model),
    '',
  );
  printer.table(
    ['layer', 'kv heads', 'query heads per kv', 'FFN channels', ''],
    layers.map((layer, index) => [
      String(index),
      String(layer.kvHeads),
      String(layer.queryHeadsPerKv),
      String(layer.ffnChannels),
      model.protectedLayers.includes(index) ? 'protected' : '',
    ]),
  );
  printer.lines('', `${model.dimensions.length} dimensions, in the order of an encoding:`);
  printer.table(
    ['dimension', 'kind', 'unpruned', 'least', 'most', 'choices'],
    model.dimensions.map(({ name, kind, size, minCount, maxCount, choices }) => [
      name,
      formatEnum(DimensionKind, kind),
      String(size),
      String(minCount),
      String(maxCount),
      String(choices),
    ]),
  );
  printLoads(model.loads, printer);
}
