import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { basename, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Control, createClient, Effort, type PrunecastClient } from '../src/client/index.js';
import type { StudyReport } from '../src/gen/prunecast/v1/study_types.js';
import { describeCpu } from './describe-cpu.js';
import { formatBudgets } from './budgets/format-budgets.js';
import { BUDGET_ROWS, type BudgetRowName, type FoundRow } from './budgets/rows.js';
import { withOwnServer } from './search/with-own-server.js';

/*
 * npm run bench:budgets -- --model DIR --text FILE --json FILE [--markdown FILE]: a Search for each budget of
 * `BUDGET_ROWS` and each seed, all else by the server's default, beside `uniform-best`. Rows that the JSON file already
 * has are not searched again. Labels are shared by all searches.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string' },
    text: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    rows: { type: 'string', default: Object.keys(BUDGET_ROWS).join(',') },
    seeds: { type: 'string', default: '0,1' },
    effort: { type: 'string', default: 'default' },
    window: { type: 'string', default: '128' },
    'report-tokens': { type: 'string', default: '65536' },
    bos: { type: 'boolean', default: false },
    'keep-state': { type: 'string' },
  },
});
const { json, markdown } = flags;
if (flags.model === undefined || flags.text === undefined || json === undefined)
  throw new Error(
    'usage: npm run bench:budgets -- --model DIR --text FILE --json FILE [--markdown FILE] [--rows NAMES]',
  );
const [model, text] = [resolve(flags.model), resolve(flags.text)];
const settings = {
  model: basename(model),
  text: basename(text),
  window: flags.window,
  bos: String(flags.bos),
  'report-tokens': flags['report-tokens'],
};
let found = await readFound(json);
await withOwnServer({ model, text, keepState: flags['keep-state'] }, async (address) => {
  const client = createClient({ address });
  try {
    for (const seed of flags.seeds.split(',').map(Number))
      for (const row of flags.rows.split(',').map(toRow)) await searchRow(client, row, seed);
  } finally {
    client.close();
  }
});

async function searchRow(client: PrunecastClient, row: BudgetRowName, seed: number): Promise<void> {
  const { effort } = flags;
  if (found.some((known) => known.row === row && known.seed === seed && known.effort === effort)) return;
  const report = await client.runSearch({
    ...BUDGET_ROWS[row].request,
    model: basename(model),
    texts: { text: { source: { $case: 'path', value: basename(text) } } },
    windows: { window: Number(flags.window), bos: flags.bos },
    report: { tokenLimit: BigInt(flags['report-tokens']) },
    controls: [Control.UNIFORM_BEST],
    effort: Effort[effort.toUpperCase() as keyof typeof Effort],
    seed: BigInt(seed),
  });
  found = [...found, describe(report, { row, seed, effort })];
  console.log(JSON.stringify(found.at(-1)));
  await writeFile(
    json ?? '',
    `${JSON.stringify({ cpu: describeCpu(availableParallelism()), settings, found }, undefined, 2)}\n`,
  );
  if (markdown !== undefined) await writeFile(markdown, formatBudgets(basename(model), found, { ...settings, effort }));
}

function describe(
  { dense, winner, controls, lifts, fitQuality }: StudyReport,
  asked: Pick<FoundRow, 'row' | 'seed' | 'effort'>,
): FoundRow {
  const [lift] = lifts;
  return {
    ...asked,
    dense: dense?.metrics['perplexity'] ?? NaN,
    winner: winner?.metrics['perplexity'] ?? NaN,
    uniform_best: controls[0]?.metrics['perplexity'] ?? NaN,
    lift: lift?.lift ?? NaN,
    interval: [lift?.low ?? NaN, lift?.high ?? NaN],
    kendall_tau: fitQuality?.kendallTau ?? NaN,
  };
}

function toRow(name: string): BudgetRowName {
  if (!(name in BUDGET_ROWS)) throw new Error(`there is no row ${name}: ${Object.keys(BUDGET_ROWS).join(', ')}`);
  return name as BudgetRowName;
}

/** What an earlier run wrote under the same settings; nothing without such a file. */
async function readFound(path: string): Promise<readonly FoundRow[]> {
  const stored = await readFile(path, 'utf8').catch(() => undefined);
  if (stored === undefined) return [];
  const earlier = JSON.parse(stored) as { readonly settings: object; readonly found: readonly FoundRow[] };
  if (JSON.stringify(earlier.settings) !== JSON.stringify(settings))
    throw new Error(`${path} was measured under other settings: name another file`);
  return earlier.found;
}
