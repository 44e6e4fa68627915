import { describe, expect, it } from 'vitest';
import type { Exporter } from '../../../../src/core/ports/exporter.js';
import gguf from '../../../../src/plugins/exporters/gguf.js';
import hf from '../../../../src/plugins/exporters/hf.js';
import onnx from '../../../../src/plugins/exporters/onnx.js';
import { ARCHITECTURES, makeUpSource } from '../../../../src/plugins/testing/made-up-model.js';

const [architecture = []] = Object.values(ARCHITECTURES);
const made = makeUpSource(architecture);

/** What an exporter says of a source whose tokenizer.json is this, and how often it reads that. */
async function ask(exporter: Exporter, tokenizer: Uint8Array | undefined) {
  let reads = 0;
  const readSource = async (file: string): Promise<Uint8Array | undefined> => {
    if (file !== 'tokenizer.json') return made.readSource(file);
    reads += 1;
    return tokenizer;
  };
  const source = { ...made, readSource };
  const options = exporter.options.parse({});
  const refusals = [await exporter.refuses?.(source, options), await exporter.refuses?.(source, options)];
  expect(refusals[1]).toBe(refusals[0]);
  return { refusal: refusals[0], reads };
}

describe.each([hf, onnx, gguf] as unknown as readonly Exporter[])('a tokenizer.json that is cut short', (exporter) => {
  it(`is refused by ${exporter.id} before any work, and a whole one is not; each is read once`, async () => {
    const whole = (await made.readSource('tokenizer.json')) ?? new Uint8Array();
    const cut = await ask(exporter, whole.subarray(0, whole.length >> 1));
    expect(cut.refusal).toMatch(/^tokenizer\.json: is not JSON: line \d+, .*; download .* again/);
    expect(cut.reads).toBe(1);
    expect(await ask(exporter, whole)).toEqual({ refusal: undefined, reads: 1 });
  });

  it.runIf(exporter.id !== 'gguf')(`is no reason for ${exporter.id} to refuse a model without one`, async () => {
    expect((await ask(exporter, undefined)).refusal).toBeUndefined();
  });
});
