import { describe, expect, it } from 'vitest';
import type { PrunedModel } from '../../../../src/core/ports/exporter.js';
import { writeModelCard, type CardFacts } from '../../../../src/plugins/exporters/folder/model-card.js';
import { describeUse } from '../../../../src/plugins/exporters/hf/describe-use.js';

const STOCK: CardFacts = { ...describeUse('stock', true), loadsIn: ['transformers', 'vLLM'] };
const [wide, narrow, none] = [
  { kvHeads: 4, queryHeadsPerKv: 2, ffnChannels: 172 },
  { kvHeads: 3, queryHeadsPerKv: 2, ffnChannels: 90 },
  { kvHeads: 0, queryHeadsPerKv: 0, ffnChannels: 172 },
];

const MANIFEST = {
  prunecast_version: '0.1.0',
  source: { model: 'stories260k', checkpoint_digest: 'abc', family: 'llama', parameters: 260_032 },
  costs: [{ kind: 'parameters', value: 195_024, dense_value: 260_032 }],
  recipe: {
    digest: 'def',
    criterion: { id: 'wanda', options: { scope: 'a|b' } },
    compensation: { id: 'none', options: {} },
    calibration: { textDigest: '012', sequences: 16, sequenceTokens: 512, bos: true },
  },
  allocation: null,
  measurements: {
    study_id: 'study-1',
    verify: { fingerprint: '345', metrics: { perplexity: 12.3456789, accuracy: 0.5 } },
  },
  job_id: 'job-1',
};

function write(manifest: Record<string, unknown>, facts = STOCK, sourceDirectory = '/models/stories260k'): string {
  const model = {
    sourceDirectory,
    manifest,
    architecture: [wide, wide, none, narrow],
    shape: { family: 'llama', hidden: 64, headDim: 8 },
  };
  return writeModelCard(model as unknown as PrunedModel, facts); // what a card reads of a model
}

describe('writeModelCard', () => {
  it('tells what was cut from what, the layers, the recipe, and what was measured under which fingerprint', () => {
    const card = write(MANIFEST);
    expect(card).toMatch(/^---\nlibrary_name: transformers\npipeline_tag: text-generation\ntags:\n- pruned\n/);
    expect(card).toContain('# `stories260k`, pruned');
    expect(card).toContain('195,024 of 260,032 parameters (75 %)'); // 195,024 / 260,032 = 0.75
    expect(card).toContain('| 0 to 1 | 4 | 8 | 172 |\n| 2 | 0 | 0 | 172 |\n| 3 | 3 | 6 | 90 |\n');
    expect(card).toContain('| criterion | `wanda, scope "a\\|b"` |');
    expect(card).toContain('16 x 512 tokens of the text with the digest `012`');
    expect(card).toContain('with the fingerprint `345`');
    expect(card).toContain('| `accuracy` | 0.5 |\n| `perplexity` | 12.3457 |\n');
  });

  it('says that the measurements are from before the weights were rounded to another type', () => {
    expect(write(MANIFEST)).not.toContain('rounded');
    expect(write(MANIFEST, { ...STOCK, converted: 'float16' })).toContain('before the weights were rounded to float16');
  });

  it('has nothing that differs between two runs of a request', () => {
    expect(write(MANIFEST)).not.toMatch(/study-1|job-1/);
    expect(write({ ...MANIFEST, job_id: 'job-2' })).toBe(write(MANIFEST));
  });

  it('loads with trust_remote_code only where there is a modelling file, and names a tokenizer only where there is one', () => {
    const own: CardFacts = { ...describeUse('per-layer', false), loadsIn: ['transformers 4.48 or later'] };
    expect(write(MANIFEST)).toContain('from_pretrained(folder)\n');
    expect(write(MANIFEST)).toContain('AutoTokenizer');
    expect(write(MANIFEST)).not.toMatch(/trust_remote_code|custom_code/);
    expect(write(MANIFEST, own)).toContain('from_pretrained(folder, trust_remote_code=True)\n');
    expect(write(MANIFEST, own)).toContain('- custom_code\n');
    expect(write(MANIFEST, own)).not.toContain('AutoTokenizer');
  });

  it('names the base model where the folder is one of the cache of the Hub', () => {
    const cached = '/cache/hub/models--HuggingFaceTB--SmolLM2-135M/snapshots/93efa2f097d58c2a74874c7e644dbc9b0cee75a2';
    expect(write(MANIFEST, STOCK, cached)).toContain('base_model: HuggingFaceTB/SmolLM2-135M\n');
    expect(write(MANIFEST, STOCK, '/models/HuggingFaceTB/SmolLM2-135M')).not.toContain('base_model');
  });

  it('leaves out what a manifest lacks or has in another form, and cannot be broken by a name', () => {
    const bare = write({ recipe: 'mine', source: { model: 'a`\n# b|c', checkpoint_digest: 'abc' } });
    expect(bare).toContain('# `a  # b\\|c`, pruned');
    expect(bare).not.toMatch(/## (Recipe|Measurements|Costs)/);
    expect(write({})).toContain('# A pruned model\n');
  });
});
