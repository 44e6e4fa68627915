import { basename, dirname } from 'node:path';
import { keepTelemetryOff } from '../../src/onnx-runtime/telemetry.js';

/** What transformers.js generates after these tokens, greedily; nothing is fetched. */
export async function generateInTransformersJs(
  directory: string,
  prompt: readonly number[],
  count: number,
): Promise<number[]> {
  keepTelemetryOff();
  const { AutoModelForCausalLM, env, Tensor } = await import('@huggingface/transformers');
  env.allowRemoteModels = false;
  env.localModelPath = dirname(directory);
  const model = await AutoModelForCausalLM.from_pretrained(basename(directory), {
    session_options: { intraOpNumThreads: 1 },
  });
  try {
    const inputs = new Tensor('int64', BigInt64Array.from(prompt, BigInt), [1, prompt.length]);
    const generated = await model.generate({ inputs, max_new_tokens: count, do_sample: false });
    return Array.from((generated as InstanceType<typeof Tensor>).data as BigInt64Array, Number).slice(prompt.length);
  } finally {
    await model.dispose();
  }
}
