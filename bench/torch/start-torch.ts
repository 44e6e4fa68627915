import type { Sequence } from '../../src/core/sequence.js';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TOKENS_PER_RUN } from '../../src/core/sequence-batches.js';

/** transformers on the same windows, in a process of its own that is idle between two passes. */
export interface Torch {
  /** Milliseconds of one pass, with the attention that has been fastest so far; with each until that is known. */
  measure(): Promise<number>;
  stop(): void;
}

export interface TorchWork {
  readonly directory: string;
  readonly dtype: 'float32' | 'bfloat16';
  readonly threads: number;
  readonly windows: readonly Sequence[];
}

const ATTENTIONS = ['sdpa', 'eager'] as const;

/**
 * undefined, with a message on standard error, if there is no Python with torch and transformers: PRUNECAST_PYTHON, or
 * python3.
 */
export async function startTorch({ directory, dtype, threads, windows }: TorchWork): Promise<Torch | undefined> {
  const script = fileURLToPath(new URL('../../../bench/torch/forward.py', import.meta.url)); // from dist/bench/torch
  const child = spawn(process.env['PRUNECAST_PYTHON'] ?? 'python3', [script, directory, dtype, String(threads)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, OMP_NUM_THREADS: String(threads), TRANSFORMERS_VERBOSITY: 'error', HF_HUB_OFFLINE: '1' },
  });
  let complaint = '';
  child.stderr.on('data', (part: Buffer) => (complaint = (complaint + part.toString()).slice(-500)));
  child.on('error', (error) => (complaint = error.message));
  child.stdin.on('error', () => undefined); // it has ended: the missing answer shows it
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (line: string): Promise<string | undefined> => {
    child.stdin.write(`${line}\n`);
    const { value, done } = await lines.next();
    return done === true ? undefined : String(value);
  };

  const length = windows[0]?.tokens.length ?? 1;
  const ready = await ask(
    JSON.stringify({
      batch: Math.max(1, Math.floor(TOKENS_PER_RUN / length)),
      windows: windows.map(({ tokens }) => [...tokens]),
    }),
  );
  if (ready === undefined) {
    console.error(`no torch ${dtype}: ${complaint.trim().split('\n').at(-1) ?? ''}`);
    return undefined;
  }
  const pass = async (attention: string): Promise<number> => {
    const answer = await ask(attention);
    if (answer === undefined) throw new Error(`torch ${dtype} ended: ${complaint}`);
    return (JSON.parse(answer) as { readonly milliseconds: number }).milliseconds;
  };
  let fastest: string | undefined;
  return {
    measure: async () => {
      if (fastest !== undefined) return pass(fastest);
      const times: { readonly attention: string; readonly milliseconds: number }[] = [];
      for (const attention of ATTENTIONS) {
        await pass(attention); // the first one allocates
        times.push({ attention, milliseconds: await pass(attention) });
      }
      const [first] = times.toSorted((a, b) => a.milliseconds - b.milliseconds);
      fastest = first?.attention ?? 'sdpa';
      return first?.milliseconds ?? NaN;
    },
    stop: () => child.stdin.end(),
  };
}
