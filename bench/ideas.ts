import { readFile, writeFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { isDeepStrictEqual, parseArgs } from 'node:util';
import { ARMS } from './ideas/arms.js';
import { formatArms, measureGain, type ArmRow } from './ideas/format-arms.js';
import { openLabelModel } from './ideas/label-model.js';
import { perplexityOf, rootMeanSquare, runArm } from './ideas/run-arm.js';

/*
 * npm run bench:ideas -- --model DIR --text FILE --json FILE [--cache FILE]: ideas for the search, each in studies of
 * several seeds beside the same studies without it (`ARMS`). Winners are compared on the whole report part of the text.
 * Studies that the JSON file already has are not run again; labels are kept in --cache.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/stories260k' },
    text: { type: 'string' },
    json: { type: 'string' },
    cache: { type: 'string' },
    remove: { type: 'string', default: '0.25' },
    seeds: { type: 'string', default: '0,1,2,3,4,5,6,7' },
    arms: { type: 'string', default: Object.keys(ARMS).join(',') },
  },
});
const { text, json } = flags;
if (text === undefined || json === undefined)
  throw new Error('usage: npm run bench:ideas -- --model DIR --text FILE --json FILE [--cache FILE] [--arms NAMES]');
const model = await openLabelModel({
  directory: resolve(flags.model),
  text: resolve(text),
  remove: Number(flags.remove),
  cache: flags.cache,
});
const settings = { model: basename(flags.model), text: basename(text), remove: Number(flags.remove) };
let rows = await readRows(json);
for (const seed of flags.seeds.split(',').map(Number))
  for (const arm of flags.arms.split(',')) await measure(arm, seed);
await model.close();
console.log(formatArms(rows));

async function measure(name: string, seed: number): Promise<void> {
  const arm = ARMS[name];
  if (arm === undefined) throw new Error(`there is no arm ${name}: ${Object.keys(ARMS).join(', ')}`);
  if (rows.some((row) => row.arm === name && row.seed === seed)) return;
  const started = performance.now();
  const { rounds, errors } = await runArm(model, arm, seed);
  // Where a study of an arm ended earlier matters for what stopping saves.
  const ends = arm.against === undefined ? rounds : rounds.slice(-1);
  const winners = ends.map(({ winner }) => winner);
  const verified = await model.label(winners, { part: 'verify', rung: 1 });
  const reported = await model.label(winners, { part: 'report', rung: 0 });
  const row: ArmRow = {
    arm: name,
    seed,
    rounds: ends.flatMap(({ tokens }, place) => {
      const [own, report] = [verified[place], reported[place]];
      if (own === undefined || report === undefined) return [];
      const perplexity = Number(perplexityOf(report).toFixed(4));
      return [{ tokens, report: perplexity, ...measureGain(verified[place - 1] ?? own, own) }];
    }),
    errors: errors.map((own) => Number(rootMeanSquare(own).toFixed(3))),
  };
  rows = [...rows, row];
  const lines = rows.map((known) => JSON.stringify(known)).join(',\n');
  await writeFile(json ?? '', `{ "settings": ${JSON.stringify(settings)}, "rows": [\n${lines}\n] }\n`);
  console.log(JSON.stringify(row), `${((performance.now() - started) / 1000).toFixed(0)} s`);
}

/** What an earlier run wrote under the same settings; nothing without such a file. */
async function readRows(path: string): Promise<readonly ArmRow[]> {
  const stored = await readFile(path, 'utf8').catch(() => undefined);
  if (stored === undefined) return [];
  const earlier = JSON.parse(stored) as { readonly settings: object; readonly rows: readonly ArmRow[] };
  if (!isDeepStrictEqual(earlier.settings, settings))
    throw new Error(`${path} was measured under other settings: name another file`);
  return earlier.rows;
}
