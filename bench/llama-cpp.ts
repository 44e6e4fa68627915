import { getLlama, LlamaLogLevel, type Llama, type LlamaModel, type Token } from 'node-llama-cpp';

let started: Promise<Llama> | undefined;

/** A model in llama.cpp for as long as `use` runs, on one thread. */
export async function withLlamaModel<Result>(
  path: string,
  use: (model: LlamaModel) => Promise<Result>,
): Promise<Result> {
  started ??= getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.error, maxThreads: 1 });
  const model = await (await started).loadModel({ modelPath: path, gpuLayers: 0 });
  try {
    return await use(model);
  } finally {
    await model.dispose();
  }
}

/** Sampling that leaves the probabilities as the model has them. */
const PLAIN = { temperature: 1, topK: 0, topP: 1, minP: 0 } as const;

/** exp of the mean loss over all tokens of the windows but the first of each. */
export async function measureLlamaPerplexity(
  model: LlamaModel,
  windows: readonly (readonly number[])[],
): Promise<number> {
  const context = await model.createContext({ contextSize: 256, batchSize: 128, threads: 1, flashAttention: false });
  try {
    const losses: number[] = [];
    const sequence = context.getSequence();
    for (const window of windows) {
      await sequence.clearHistory();
      const outputs = await sequence.controlledEvaluate(
        window.slice(0, -1).map((token) => [token as Token, { generateNext: { probabilities: true, options: PLAIN } }]),
      );
      for (const [place, output] of outputs.entries()) {
        const probability = output?.next.probabilities?.get(window[place + 1] as Token);
        if (probability === undefined) throw new Error(`llama.cpp gave no probability at ${place}`);
        losses.push(-Math.log(probability));
      }
    }
    return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
  } finally {
    await context.dispose();
  }
}

/** The tokens that a model finds most likely, one after the other. */
export async function predictLlama(model: LlamaModel, prompt: readonly number[], count: number): Promise<number[]> {
  const context = await model.createContext({ contextSize: 256, batchSize: 128, threads: 1, flashAttention: false });
  try {
    const predicted: number[] = [];
    const sequence = context.getSequence();
    for await (const token of sequence.evaluate(prompt as Token[], { temperature: 0, yieldEogToken: true })) {
      predicted.push(token);
      if (predicted.length === count) break;
    }
    return predicted;
  } finally {
    await context.dispose();
  }
}

/** How it splits a text; the names of special tokens stand for these. */
export function tokenizeLlama(model: LlamaModel, text: string): readonly number[] {
  return model.tokenize(text, true);
}
