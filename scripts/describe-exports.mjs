// What docs/exports.md says: what each exporter writes by its own answers, and what tests have loaded, by the calls of
// `proves` in them.
import { readdirSync, readFileSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { runInNewContext } from 'node:vm';
import { FORMS as MEASURED_FORMS, listMisses } from '../dist/bench/loads/forms.js';
import { parseConfig } from '../dist/src/engine/checkpoint/parse-config.js';
import { FAMILIES } from '../dist/src/engine/families/find-family.js';
import { BUILTIN_PLUGINS } from '../dist/src/plugins/builtin/list.js';
import { describeUse as describeGguf } from '../dist/src/plugins/exporters/gguf/describe-use.js';
import { describeUse as describeHf } from '../dist/src/plugins/exporters/hf/describe-use.js';
import { describeUse as describeOnnx } from '../dist/src/plugins/exporters/onnx/describe-use.js';
import { code, table } from './markdown.mjs';

const root = resolve(import.meta.dirname, '..');
const EXPORTERS = BUILTIN_PLUGINS.filter(({ plugin }) => plugin.kind === 'exporter').map(({ plugin }) => plugin);

/** A model of 16 query heads in 4 groups and 2,048 channels, and what may be kept of its layers. */
const DENSE = { kvHeads: 4, queryHeadsPerKv: 4, ffnChannels: 2048 };
const KINDS = {
  'one shape': [
    { ...DENSE, ffnChannels: 1024 },
    { ...DENSE, ffnChannels: 1024 },
  ],
  'FFN widths that differ': [{ ...DENSE, ffnChannels: 1024 }, DENSE],
  'heads that differ': [{ ...DENSE, kvHeads: 2 }, DENSE],
  'dropped halves': [
    { ...DENSE, ffnChannels: 0 },
    { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 2048 },
  ],
};

function shapeOf(family, layers) {
  const { shape } = parseConfig({
    architectures: [family.architecture],
    model_type: family.id,
    hidden_size: 1024,
    intermediate_size: DENSE.ffnChannels,
    num_hidden_layers: layers.length,
    num_attention_heads: DENSE.kvHeads * DENSE.queryHeadsPerKv,
    num_key_value_heads: DENSE.kvHeads,
    head_dim: 64,
    vocab_size: 32_000,
    max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    layer_types: layers.map(() => 'full_attention'),
  });
  return { ...shape, numberBytes: 2 };
}

/** Exporters with the forms that have to be asked for. */
const FORMS = EXPORTERS.flatMap((plugin) =>
  plugin.id === 'hf'
    ? [
        { plugin, options: {} },
        { plugin, options: { form: 'decilm' } },
      ]
    : [{ plugin, options: {} }],
);

const nameOf = ({ plugin, options }) => [plugin.id, ...Object.values(options)].map(code).join(' ');

/** What exporters say and tests prove, one row for each answer. */
function listRows(proofs) {
  return FORMS.flatMap((form) =>
    Object.entries(KINDS).flatMap(([kind, layers]) => {
      const answers = new Map();
      for (const family of FAMILIES) {
        const support = form.plugin.supports(
          shapeOf(family, layers),
          layers,
          'none',
          form.plugin.options.parse(form.options),
        );
        const said = support.ok ? support.loadsIn.join(', ') : `refused: ${support.reason}`;
        answers.set(said, [...(answers.get(said) ?? []), family.id]);
      }
      return [...answers].map(([said, families]) => [
        nameOf(form),
        kind,
        nameFamilies(families),
        said,
        said.startsWith('refused') ? '' : listProofs(proofs, form, kind, families),
      ]);
    }),
  );
}

function listProofs(proofs, { plugin, options }, kind, families) {
  const found = proofs.filter(
    (proof) => proof.exporter === plugin.id && proof.form === options.form && proof.layers.includes(kind),
  );
  const runtimes = [...new Set(found.map(({ runtime }) => runtime))].map((runtime) => {
    const own = found.filter((proof) => proof.runtime === runtime);
    const proven = families.filter((family) => own.some((proof) => proof.families.includes(family)));
    if (proven.length === 0) return undefined;
    const links = [...new Set(own.map(({ file }) => file))].map((file) => `[${file.split('/').at(-1)}](../${file})`);
    return `${runtime}: ${proven.join(', ')} (${links.join(', ')})`;
  });
  return runtimes.filter(Boolean).join('; ') || 'not tested';
}

function nameFamilies(families) {
  return families.length === FAMILIES.length ? 'all' : families.join(', ');
}

function listTypes(proofs) {
  return EXPORTERS.flatMap(({ id }) => {
    const own = proofs.filter(({ exporter }) => exporter === id);
    return [...new Set(own.flatMap(({ types }) => types))].map((type) => [
      code(id),
      code(type),
      [...new Set(own.filter(({ types }) => types.includes(type)).map(({ runtime }) => runtime))].join(', '),
    ]);
  });
}

/** The arguments of all calls of `proves` in tests, with the file of each. */
function readProofs() {
  const files = readdirSync(resolve(root, 'test'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.test.ts'))
    .map((entry) => resolve(entry.parentPath, entry.name))
    .toSorted();
  return files.flatMap((path) => {
    const file = relative(root, path).replaceAll('\\', '/');
    const text = readFileSync(path, 'utf8');
    const calls = [...text.matchAll(/\bproves\((\{[^{}]*\})?/g)];
    return calls.map(([call, literal]) => {
      if (literal === undefined) throw new Error(`${file}: ${call} takes one object of literals`);
      return { file, ...runInNewContext(`(${literal})`) }; // a name is unknown there
    });
  });
}

/** Versions that the tests run, as they are pinned. */
function listVersions() {
  const { devDependencies, dependencies } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8'));
  const packages = { ...dependencies, ...devDependencies };
  const pinned = (name, file = 'requirements.txt') => {
    const requirements = readFileSync(resolve(root, 'test/interop', file), 'utf8');
    return new RegExp(`^${name}==.*$`, 'm').exec(requirements)?.[0].replace('==', ' ');
  };
  const find = (start) =>
    Object.entries(packages)
      .find(([name]) => name.startsWith(start))
      .join(' ');
  return [
    ['transformers', `${pinned('transformers')}, where Python has it`],
    [
      'transformers 4',
      `${pinned('transformers', 'requirements-transformers-4.txt')}, where \`PRUNECAST_OLDER_TRANSFORMERS\` names a folder with it, as in CI`,
    ],
    ['llama.cpp', `that of ${find('node-llama-cpp')}`],
    ['ONNX Runtime', find('onnxruntime')],
    ['ONNX Runtime in Python', `${pinned('onnxruntime')}, where Python has it`],
    ['transformers.js', find('@huggingface/transformers')],
  ];
}

/** Refusals of what an exporter cannot hold beside the rows of the large table, in its own words. */
async function listLimits() {
  const [llama] = FAMILIES;
  const ask = (id, options, layers) => {
    const plugin = EXPORTERS.find((each) => each.id === id);
    return plugin.supports(shapeOf(llama, layers), layers, 'none', plugin.options.parse(options)).reason;
  };
  const odd = [{ ...DENSE, ffnChannels: 1000 }, DENSE];
  const gguf = EXPORTERS.find(({ id }) => id === 'gguf');
  const source = { shape: shapeOf(llama, [DENSE]), config: {}, readSource: async () => undefined };
  const bare = await gguf.refuses(
    {
      ...source,
      config: {
        model_type: 'llama',
        hidden_size: 1024,
        intermediate_size: 2048,
        num_hidden_layers: 1,
        num_attention_heads: 16,
        vocab_size: 32_000,
      },
    },
    gguf.options.parse({}),
  );
  return [
    ['`hf`, form `stock`', ask('hf', { form: 'stock' }, KINDS['FFN widths that differ'])],
    ['`hf`, form `decilm`', ask('hf', { form: 'decilm' }, odd)],
    ['`gguf`, type `q8_0` or `q4_0`', ask('gguf', { type: 'q8_0' }, odd)],
    ['`gguf`', bare],
  ].map(([what, reason]) => {
    if (typeof reason !== 'string') throw new Error(`${what} no longer refuses what docs/exports.md says it refuses`);
    return [what, reason];
  });
}

/** What `npm run bench:loads` found in each form of real models, one row for each pruned model. */
function listMeasured() {
  const { rows } = JSON.parse(readFileSync(resolve(root, 'bench/results/loads.json'), 'utf8'));
  const forms = Object.entries(MEASURED_FORMS);
  return table(
    ['model', 'layers', 'compensation', ...forms.map(([name]) => code(name))],
    rows.map((row) => [
      row.model,
      row.shape,
      row.compensation,
      ...forms.map(([name, form]) => tellOutcome(form, row.forms[name])),
    ]),
  );
}

function tellOutcome(form, outcome) {
  if (outcome === undefined) return '';
  if (outcome.refused !== undefined) return 'refused';
  const { perplexity, explained, logits, rounding, greedy } = outcome;
  const misses = listMisses(form, outcome);
  const told = form.logits === undefined ? asPercent(perplexity) : logits.toExponential(1);
  return [
    misses.length === 0 ? told : `**${told}**`,
    ...(explained === undefined ? [] : [`rounding: ${asPercent(explained)}`]),
    ...(rounding === undefined ? [] : [`engine: ${rounding.toExponential(1)}`]),
    ...(misses.includes('greedy tokens') ? [`${greedy} tokens`] : []),
  ].join(', ');
}

function asPercent(share) {
  return `${share < 0 ? '' : '+'}${(100 * share).toFixed(2)} %`;
}

/** The blocks of docs/exports.md. */
export async function describeExports() {
  const proofs = readProofs();
  const onnx = describeOnnx(
    { shape: shapeOf(FAMILIES[0], KINDS['one shape']) },
    { file: 'onnx/model.onnx', hasTokenizer: true },
  );
  return [
    '# What loads where',
    'Every exporter says before any work whether it can write an architecture and what loads it: `inspect`, `prune --dry-run` and a search show it. This page has these answers, and what tests have loaded.',
    '## Which exporter',
    [
      '- You use transformers, train further, or serve layers of one shape with vLLM: `hf`.',
      '- You serve layers that differ with vLLM: `hf` with `--exporter-option form=decilm`; search with `--kinds ffn-channels --channel-multiple 256`.',
      '- You run llama.cpp, or something that is built on it: `gguf`.',
      '- You run ONNX Runtime in any language, or transformers.js in Node or a browser: `onnx`.',
      '- You need more than one: `--exporter hf --exporter gguf` writes each into a folder of its own, from one compensation and one training.',
    ].join('\n'),
    '## What is written, and what loads it',
    `"Heads that differ" are key-value heads whose number differs between layers, "dropped halves" layers without attention or without an FFN. The last column is what a test loaded and compared with the engine: its logits or perplexity, and mostly the tokens that it generates. What is not in it is what the exporter says, untested.`,
    table(['exporter', 'layers', 'families', 'loads in', 'tested'], listRows(proofs)),
    'vLLM is not installed in tests. `python bench/check_vllm.py FOLDER` compares what it generates with transformers ([checkpoints](checkpoints.md#forms-of-a-hugging-face-output) says what it found).',
    '## Types of weights that tests have loaded',
    table(['exporter', 'type', 'in'], listTypes(proofs)),
    table(['runtime', 'version in tests'], listVersions()),
    '## Measured on real models',
    'Each form as its own runtime loads it (transformers, llama.cpp, ONNX Runtime), beside the engine on the `hf` output, on WikiText-2: 4 windows of 128 tokens, and 20 greedy tokens after 16. Figures like 4.1e-5 are the largest difference of two logits, of weights that are the same in both; figures in percent are how far the perplexity is from the engine\'s. In the former and in `gguf-f32` all 20 tokens are the engine\'s. **Bold** is what misses 1e-3, 0.5 % (F32 and F16), 2 % (Q8_0) or 20 tokens. "Rounding" is what rounding to Q8_0 alone does to the perplexity, as llama.cpp rounds both weights and what they are multiplied by; "engine" is how far the engine\'s own logits are from float64. `npm run bench:loads` wrote [the figures](../bench/results/loads.json), and [what was measured](measurements.md#exports-of-real-models) says how. What is empty was not measured.',
    listMeasured(),
    '## How to load it',
    '`hf`, layers of one shape (the model card of each output has its own lines):',
    describeHf('stock', true).use,
    '`hf`, other layers:',
    describeHf('per-layer', true).use,
    '`hf` with `form=decilm`:',
    describeHf('decilm', true).use,
    '`gguf`:',
    describeGguf(true).use,
    'A test runs the lines for Node ([gguf.test.ts](../test/plugins/exporters/gguf.test.ts)); the programs of llama.cpp are not installed in tests.',
    '`onnx`:',
    onnx.use,
    '## What is refused, and the way out',
    'Nothing is written that its runtime could not load. These are answers of the exporters for a model of 1,024 hidden; the large table has more.',
    table(['exporter', 'answer'], await listLimits()),
    'Weights that the asked type cannot hold are refused by name while they are written, and nothing is left of that output.',
    '## What happens on the way',
    'An output is written in a hidden folder beside its place, a few megabytes of weights at a time, synced, and renamed into place: it appears whole or not at all, and one that is replaced stays as it was until then. Kills, cancels, a source that vanishes or changes meanwhile, and disks that are full or turn read-only leave the old output alone, which tests do to every exporter ([one](../test/server/verbs/interrupted-exports.test.ts), [another](../test/server/verbs/full-disk.test.ts)); the next server with that output folder removes what a kill left. `prunecast.json` has the size and SHA-256 of each file. The same model with the same options gives the same bytes ([test](../test/plugins/exporters/repeated.test.ts)).',
  ];
}
