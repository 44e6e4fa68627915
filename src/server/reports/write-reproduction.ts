import { fromBinary, toJson } from '@bufbuild/protobuf';
import { quoteWord } from '../../flags/quote-word.js';
import { SEARCH_FLAGS } from '../../flags/search.js';
import type { Json, JsonObject } from '../../flags/request-flag.js';
import { writeFlags } from '../../flags/write-flags.js';
import { SearchRequest } from '../../gen/prunecast/v1/pruning.js';
import { formatCount } from '../../words/format.js';
import type { StudyRecord } from '../records/study-records.js';
import { apiRegistry } from '../requests/api-registry.js';
import type { SearchPlan } from '../requests/plan-search.js';

/** The page that the commands write: not `report.html`, which is where most have the report that shows them. */
const PAGE = 'reproduced.html';

/** A text of a request that is longer goes to a file. */
const LONGEST_INLINE = 200;

/**
 * Command lines that start a study again and report it, for a POSIX shell: the flags that say what its stored request
 * says, or the request itself if flags cannot say it. They do not write the winner, whose folder exists already. Texts
 * that were sent with the request are named as files, and a comment tells what belongs into each. None for a study
 * without a request.
 */
export function writeReproduction({ request }: Pick<StudyRecord, 'request'>, kind: SearchPlan['kind']): string[] {
  if (request.length === 0) return [];
  const { comments, json } = readRequest(request);
  const written =
    kind === 'search'
      ? writeFlags(
          SEARCH_FLAGS.flatMap(({ flags }) => flags),
          json,
        )
      : undefined;
  if (written === undefined)
    return [
      ...comments,
      writeCall(kind, json),
      `# then, with the study that it names: prunecast report STUDY --html ${PAGE}`,
    ];
  const flags = [...written, { name: '--report', argument: PAGE }].map(({ name, argument }) =>
    argument === undefined ? name : `${name} ${quoteWord(argument)}`,
  );
  return [...comments, ['prunecast search', ...flags].join(' \\\n  ')];
}

/** The request as it came, without what is about that one job and its output; its long texts are named as files. */
function readRequest(stored: Uint8Array): { readonly comments: string[]; readonly json: JsonObject } {
  const request = {
    ...SearchRequest.decode(stored),
    requestId: '',
    labels: {},
    pauseBefore: [],
    output: '',
    overwrite: false,
  };
  const schema = apiRegistry().getMessage('prunecast.v1.SearchRequest');
  if (schema === undefined) throw new Error('proto/image.binpb has no SearchRequest: run `npm run generate`');
  const json = toJson(schema, fromBinary(schema, SearchRequest.encode(request).finish()), {
    registry: apiRegistry(),
    useProtoFieldName: true,
  }) as JsonObject;
  const comments: string[] = [];
  for (const { name, text } of listTexts(json)) {
    const held = describeHeld(text);
    if (held === undefined) continue;
    for (const field of Object.keys(text)) delete text[field];
    text['path'] = name;
    comments.push(`# ${name}: ${held}`);
  }
  for (const budget of (json['budgets'] ?? []) as JsonObject[]) budget['kind'] ??= 'BUDGET_KIND_PARAMETERS';
  return { comments, json };
}

/** The texts of a request, with the names of files for them. */
function listTexts(json: JsonObject): { readonly name: string; readonly text: JsonObject }[] {
  const parts = Object.entries((json['texts'] ?? {}) as Record<string, JsonObject>);
  const recovery = json['recovery'] as { readonly text?: { readonly text?: JsonObject } } | undefined;
  const trained = recovery?.text?.text;
  const recipes = (json['recipes'] ?? []) as { readonly calibration?: { readonly text?: JsonObject } }[];
  return [
    ...parts.map(([part, text]) => ({ name: part === 'text' ? 'text.txt' : `${part}-text.txt`, text })),
    ...recipes.flatMap(({ calibration }, index) =>
      calibration?.text === undefined ? [] : [{ name: `calibration-${index + 1}.txt`, text: calibration.text }],
    ),
    ...(trained === undefined ? [] : [{ name: 'recovery-text.txt', text: trained }]),
  ];
}

/** What a text holds that is too long for a command line; undefined for a path or a short text. */
function describeHeld({ path, inline, ...other }: JsonObject): string | undefined {
  if (path !== undefined || Object.keys({ inline, ...other }).length === 0) return undefined;
  if (typeof inline !== 'string') return 'the token ids that were sent with the request; send them again in its place';
  const isShort = inline.length <= LONGEST_INLINE && !inline.includes('\n');
  return isShort ? undefined : `the text of ${formatCount(inline.length)} characters that was sent with the request`;
}

function writeCall(kind: SearchPlan['kind'], json: JsonObject): string {
  const [method, request] =
    kind === 'search' ? ['PruningService.Search', json] : ['PairService.SamplePairs', { search: json }];
  return `prunecast call ${method} --request ${quoteWord(`@${JSON.stringify(request satisfies Json)}`)}`;
}
