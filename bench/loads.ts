import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import type { Architecture } from '../src/core/model/shape.js';
import { unpackUnits } from '../src/core/model/unit-bitmap.js';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import { createCheckpointFiles } from '../src/engine/files/checkpoint-files.js';
import { loadTokenizer } from '../src/engine/tokenizer/tokenizer.js';
import { BUILTIN_PLUGINS } from '../src/plugins/builtin/list.js';
import { askTransformers, endTransformers } from './loads/ask-transformers.js';
import { listCases, type Case } from './loads/cases.js';
import { askEngine } from './loads/engine-answers.js';
import { FORMS, listMisses, type Comparison, type Form, type Found, type Outcome } from './loads/forms.js';
import { RUNTIMES, writeAsked, type Asked } from './loads/runtimes.js';

/*
 * npm run bench:loads -- --model DIR [--model DIR ...] --text FILE --calibration FILE [--case WORDS] [--exporter FORM ...]
 *   [--json FILE]: prunes models to several shapes by the command line, with and without compensation, each in all forms at
 * once, loads every form with its own runtime, and compares what that finds with the engine: perplexity and logits on 4
 * windows of 128 tokens, and 20 greedy tokens after 16. transformers is that of the Python PRUNECAST_PYTHON. What is
 * measured again replaces what the JSON file has of it. The files of a case, some 12 GB for a model of 0.5 billion
 * parameters, are removed at its end.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', multiple: true, default: [] },
    text: { type: 'string', default: '' },
    calibration: { type: 'string', default: '' },
    sequences: { type: 'string', default: '32' },
    /** A part of the name of cases, such as `uniform, none`; all cases by default. */
    case: { type: 'string', default: '' },
    /** How names of forms begin, beside `hf`; all forms by default. */
    exporter: { type: 'string', multiple: true, default: [''] },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
});
if (flags.model.length === 0 || flags.text === '' || flags.calibration === '')
  throw new Error('name at least one --model DIR, a --text FILE and a --calibration FILE');

const PRUNECAST = resolve(import.meta.dirname, '../src/cli/main.js');
const WINDOWS = 4;
const WINDOW_TOKENS = 128;
const PROMPT_TOKENS = 16;
const GREEDY_TOKENS = 20;

/** Of one Prune. */
const MOST_EXPORTERS = 8;

/** Words of the text whose tokens are compared. */
const WORDS = 5000;

interface Row {
  readonly model: string;
  readonly shape: string;
  readonly compensation: string;
  /** The engine's. */
  readonly perplexity: number;
  /**
   * The largest difference of logits to those of the source in transformers, with the removed units set to zero;
   * undefined where weights are compensated.
   */
  readonly zeroed?: number;
  readonly forms: Readonly<Record<string, Outcome>>;
}

const folder = await mkdtemp(join(resolve(flags.folder), 'prunecast-loads-'));
try {
  for (const directory of flags.model.map((model) => resolve(model))) {
    const { shape } = await openCheckpoint(directory);
    for (const each of listCases(shape)) if (nameCase(each).includes(flags.case)) await measureCase(directory, each);
  }
} finally {
  endTransformers();
  await rm(folder, { recursive: true, force: true });
}

/** Records each form as soon as it is measured. */
async function measureCase(directory: string, of: Case): Promise<void> {
  const say = createLog(`${basename(directory)}, ${nameCase(of)}`);
  const output = join(folder, 'pruned');
  try {
    const forms = Object.entries(FORMS).filter(
      ([name]) => name === 'hf' || flags.exporter.some((start) => name.startsWith(start)),
    );
    const outcomes: Record<string, Outcome> = {};
    for (const [name, form] of forms) {
      const refused = refuse(form, of);
      if (refused !== undefined) outcomes[name] = { refused };
    }
    let asked: Asked | undefined;
    let zeroed: Found | undefined;
    const written = forms.filter(([name]) => outcomes[name] === undefined);
    for (let from = 0; from < written.length; from += MOST_EXPORTERS) {
      const group = written.slice(from, from + MOST_EXPORTERS);
      await prune(directory, of, group);
      say(`wrote ${group.map(([name]) => name).join(', ')}`);
      if (asked === undefined) {
        asked = await ask(directory, join(output, 'hf'));
        say(`the engine has a perplexity of ${asked.answers.perplexity.toFixed(2)}`);
        if (of.compensation === 'none') zeroed = await askZeroed(directory, join(output, 'hf'), asked);
      }
      for (const [name, form] of group) {
        const found = await RUNTIMES[form.exporter](join(output, name), form, asked);
        const bytes = await countBytes(join(output, name));
        const comparison = await explain(form, compare(found, asked, bytes), join(output, 'hf'), asked);
        outcomes[name] = comparison;
        await record({
          model: basename(directory),
          shape: of.shape,
          compensation: of.compensation,
          perplexity: asked.answers.perplexity,
          ...(zeroed === undefined ? {} : { zeroed: zeroed.logits }),
          forms: outcomes,
        });
        const misses = listMisses(form, comparison);
        say(`${name} ${JSON.stringify(comparison)}${misses.length > 0 ? `, MISSES ${misses.join(', ')}` : ''}`);
      }
      await rm(output, { recursive: true });
    }
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

/** Why the exporter does not write that model; undefined if it does. */
function refuse({ exporter, options }: Form, { source, architecture, compensation }: Case): string | undefined {
  for (const { plugin } of BUILTIN_PLUGINS)
    if (plugin.kind === 'exporter' && plugin.id === exporter) {
      const biases = compensation === 'affine' ? 'added' : 'none';
      const support = plugin.supports(source, architecture, biases, plugin.options.parse(options));
      return support.ok ? undefined : support.reason;
    }
  throw new Error(`no exporter ${exporter}`);
}

async function prune(directory: string, of: Case, forms: readonly (readonly [string, Form])[]): Promise<void> {
  await writeFile(join(folder, 'architecture.json'), JSON.stringify(spell(of.architecture)));
  const words = ['prune', '--model', directory, '--architecture', 'architecture.json', '--output', 'pruned', '--quiet'];
  words.push('--compensation', of.compensation, '--calibration', resolve(flags.calibration));
  words.push('--sequences', flags.sequences);
  for (const [name, { exporter, options }] of forms) {
    words.push('--exporter', `${name}=${exporter}`);
    for (const [option, value] of Object.entries(options))
      words.push('--exporter-option', `${name}.${option}=${value}`);
  }
  await promisify(execFile)(process.execPath, [PRUNECAST, ...words], {
    cwd: folder,
    // What was calibrated is kept there for the next case, and for the next run if the caller names a folder.
    env: { PRUNECAST_STATE_DIRECTORY: join(folder, 'state'), ...process.env },
  });
}

function spell(architecture: Architecture): unknown {
  return architecture.map((layer) => ({
    kv_heads: layer.kvHeads,
    query_heads_per_kv: layer.queryHeadsPerKv,
    ffn_channels: layer.ffnChannels,
  }));
}

/** The questions about a model, with the engine's answers of a checkpoint that was pruned of it. */
async function ask(directory: string, pruned: string): Promise<Asked> {
  const tokenizer = await loadTokenizer(createCheckpointFiles({ directory }));
  if (tokenizer === undefined) throw new Error(`${directory} has no tokenizer.json`);
  const text = await readFile(flags.text, 'utf8');
  const words = text
    .split(/(?<=\s)/)
    .slice(0, WORDS)
    .join('');
  const [wordTokens = new Int32Array()] = await tokenizer.encodeAll([words]);
  const windows = Array.from({ length: WINDOWS }, (_, window) => [
    ...wordTokens.subarray(window * WINDOW_TOKENS, (window + 1) * WINDOW_TOKENS),
  ]);
  const questions = { windows, prompt: windows[0]?.slice(0, PROMPT_TOKENS) ?? [], tokens: GREEDY_TOKENS };
  const answers = await askEngine(pruned, questions);
  const asked = { ...questions, answers, words, wordTokens, file: join(folder, 'questions.json') };
  await writeAsked(asked);
  return asked;
}

/** What transformers finds in the source with the units set to zero that a checkpoint lacks. */
async function askZeroed(directory: string, pruned: string, asked: Asked): Promise<Found> {
  const manifest = JSON.parse(await readFile(join(pruned, 'prunecast.json'), 'utf8')) as {
    readonly kept_units: readonly Record<'query_heads' | 'ffn_channels', Bitmap>[];
  };
  const kept = manifest.kept_units.map((of) => ({
    query_heads: unpack(of.query_heads),
    ffn_channels: unpack(of.ffn_channels),
  }));
  return askTransformers(directory, asked.file, { kept });
}

interface Bitmap {
  readonly bitmap: string;
}

function unpack({ bitmap }: Bitmap): number[] {
  return unpackUnits(Buffer.from(bitmap, 'base64'));
}

function compare({ tokens, perplexity, ...found }: Found, { answers }: Asked, bytes: number): Comparison {
  const other = answers.greedy.findIndex((token, index) => tokens[index] !== token);
  return {
    bytes,
    perplexity: perplexity / answers.perplexity - 1,
    ...found,
    ...(other === -1 ? { greedy: answers.greedy.length } : { greedy: other, lead: answers.leads[other] as number }),
  };
}

/** Adds to what is off by more than is asked what rounding alone does. */
async function explain(form: Form, comparison: Comparison, pruned: string, asked: Asked): Promise<Comparison> {
  const misses = listMisses(form, comparison);
  if (misses.includes('perplexity') && form.options['type'] === 'q8_0') {
    const { perplexity } = await askTransformers(pruned, asked.file, { rounding: 'q8_0' });
    return { ...comparison, explained: perplexity / asked.answers.perplexity - 1 };
  }
  if (!misses.includes('logits')) return comparison;
  const { logits = NaN } = await askTransformers(pruned, asked.file, { rounding: 'float64' });
  return { ...comparison, rounding: logits };
}

async function countBytes(directory: string): Promise<number> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size);
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

/** Puts the row in place of an earlier one, of which forms that were not measured stay. */
async function record(row: Row): Promise<void> {
  if (flags.json === undefined) return;
  const path = flags.json;
  const rows = await readFile(path, 'utf8').then(
    (text) => (JSON.parse(text) as { readonly rows: readonly Row[] }).rows,
    (): readonly Row[] => [],
  );
  const place = rows.findIndex((old) => old.model === row.model && nameCase(old) === nameCase(row));
  const merged = { ...row, forms: sortForms({ ...rows[place]?.forms, ...row.forms }) };
  const all = place === -1 ? [...rows, merged] : rows.with(place, merged);
  await writeFile(path, `${JSON.stringify({ rows: all }, undefined, 2)}\n`);
}

function sortForms(forms: Row['forms']): Row['forms'] {
  return Object.fromEntries(Object.keys(FORMS).flatMap((name) => (forms[name] ? [[name, forms[name]]] : [])));
}

function nameCase({ shape, compensation }: Pick<Case, 'shape' | 'compensation'>): string {
  return `${shape}, ${compensation}`;
}

function createLog(title: string): (line: string) => void {
  const started = performance.now();
  return (line) => console.log(`${title}, ${Math.round((performance.now() - started) / 1000)} s: ${line}`);
}
