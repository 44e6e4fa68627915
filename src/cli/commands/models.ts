import type { Command } from 'commander';
import type { ModelSummary } from '../../client/index.js';
import { ListModelsRequest, ModelSummary as ModelSummaryMessage } from '../../gen/prunecast/v1/model.js';
import { addRequestFlags, type RequestType } from '../options/request-option.js';
import { addServerFlags } from '../options/server.js';
import { formatBytes, formatCount } from '../../words/format.js';
import { callServer } from '../session/call-server.js';

const LIST: RequestType<ListModelsRequest> = { typeName: 'prunecast.v1.ListModelsRequest', codec: ListModelsRequest };

/** `prunecast models`: the checkpoints that requests can name. */
export function addModelsCommand(program: Command): void {
  const models = program.command('models').description('list checkpoints');
  const command = models
    .command('list')
    .description("list the checkpoints under the server's model roots, or under this folder");
  addRequestFlags(command, LIST, 'Filter', [
    { flags: '--folder <DIR>', summary: 'only those in this folder', field: 'folder', place: 'model' },
  ]);
  addServerFlags(command).action(() =>
    callServer(command, LIST, async ({ client, request, printer, suggest }) => {
      const listed: ModelSummary[] = [];
      let [pageToken, isCut] = ['', false];
      do {
        const page = await client.services.models.listModels({ ...request, pageToken });
        listed.push(...page.models);
        pageToken = page.nextPageToken;
        isCut ||= page.truncated;
      } while (pageToken !== '');
      if (printer.format === 'json')
        for (const message of listed)
          printer.message({ typeName: 'prunecast.v1.ModelSummary', codec: ModelSummaryMessage, message });
      const hasFaults = listed.some(({ fault }) => fault !== '');
      printer.table(
        ['model', 'family', 'parameters', 'weights', 'tokenizer', ...(hasFaults ? ['fault'] : [])],
        listed.map(({ model, family, parameters, weightBytes, hasTokenizer, fault }) => [
          model,
          ...(fault === ''
            ? [family, formatCount(parameters), formatBytes(weightBytes), hasTokenizer ? 'yes' : 'no']
            : ['', '', '', '']),
          ...(hasFaults ? [fault] : []),
        ]),
      );
      if (isCut) printer.note('not all folders were looked at: name one with --folder');
      const usable = listed.find(({ fault }) => fault === '');
      if (usable !== undefined)
        suggest({ why: 'to see what can be pruned', words: ['inspect', '--model', usable.model] });
    }),
  );
}
