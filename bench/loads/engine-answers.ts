import { openCheckpoint } from '../../src/engine/checkpoint/open-checkpoint.js';
import { openLanguageModel } from '../../src/engine/open-language-model.js';

export interface Questions {
  readonly windows: readonly (readonly number[])[];
  readonly prompt: readonly number[];
  /** How many tokens to find after the prompt. */
  readonly tokens: number;
}

/** What the engine finds in a model, which other runtimes are compared with. */
export interface Answers {
  /** Of each window, [tokens, vocabulary]. */
  readonly logits: readonly Float32Array[];
  readonly vocabulary: number;
  readonly perplexity: number;
  /** The likeliest tokens after the prompt, one after the other. */
  readonly greedy: readonly number[];
  /** By how much the logit of each of them leads the second. */
  readonly leads: readonly number[];
}

export async function askEngine(directory: string, { windows, prompt, tokens }: Questions): Promise<Answers> {
  const model = await openLanguageModel(await openCheckpoint(directory));
  try {
    const { vocabulary } = model.shape;
    const logits: Float32Array[] = [];
    for (const window of windows) logits.push(await model.logits(Int32Array.from(window)));
    const greedy: number[] = [];
    const leads: number[] = [];
    while (greedy.length < tokens) {
      const last = (await model.logits(Int32Array.from([...prompt, ...greedy]))).slice(-vocabulary);
      const token = findLikeliest(last);
      const lead = last.reduce(
        (least, logit, other) => (other === token ? least : Math.min(least, (last[token] as number) - logit)),
        Infinity,
      );
      greedy.push(token);
      leads.push(lead);
    }
    return { logits, vocabulary, perplexity: measurePerplexity(windows, logits, vocabulary), greedy, leads };
  } finally {
    await model.close();
  }
}

/** exp of the mean loss over all tokens of the windows but the first of each. */
export function measurePerplexity(
  windows: readonly (readonly number[])[],
  logits: readonly Float32Array[],
  vocabulary: number,
): number {
  const losses = windows.flatMap((window, index) =>
    window.slice(1).map((token, place) => {
      const row = (logits[index] as Float32Array).subarray(place * vocabulary, (place + 1) * vocabulary);
      const largest = findLargest(row);
      const weight = row.reduce((sum, logit) => sum + Math.exp(logit - largest), 0);
      return Math.log(weight) + largest - (row[token] as number);
    }),
  );
  return Math.exp(losses.reduce((sum, loss) => sum + loss, 0) / losses.length);
}

export function findLikeliest(row: Float32Array): number {
  return row.indexOf(findLargest(row));
}

function findLargest(row: Float32Array): number {
  return row.reduce((most, logit) => Math.max(most, logit), -Infinity);
}
