import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Found } from './forms.js';

const SCRIPT = resolve(import.meta.dirname, '../../../bench/loads/load_in_transformers.py'); // from dist/bench/loads

/** The units that a layer keeps. */
export interface KeptUnits {
  readonly query_heads: readonly number[];
  readonly ffn_channels: readonly number[];
}

interface Python {
  ask(line: string): Promise<string>;
  end(): void;
}

let started: Python | undefined;

interface Changes {
  /** The units of a source that stay as they are; all others are set to zero. */
  readonly kept?: readonly KeptUnits[];
  /** How it computes; `q8_0` is float32 with matrices, and what they are multiplied by, rounded to that. */
  readonly rounding?: 'float32' | 'float64' | 'q8_0';
}

/**
 * Loads a folder with transformers, in a process that lives until `endTransformers`.
 *
 * @param questions a file as the script reads it
 */
export async function askTransformers(
  folder: string,
  questions: string,
  { kept, rounding = 'float32' }: Changes = {},
): Promise<Found> {
  started ??= startPython();
  const line = JSON.stringify({ folder, questions, kept: kept ?? null, rounding });
  return JSON.parse(await started.ask(line)) as Found;
}

export function endTransformers(): void {
  started?.end();
  started = undefined;
}

function startPython(): Python {
  const child = spawn(process.env['PRUNECAST_PYTHON'] ?? 'python3', [SCRIPT], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, HF_HUB_OFFLINE: '1' },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  child.stdin.on('error', () => undefined); // it has ended: the missing answer shows it
  return {
    ask: async (line) => {
      child.stdin.write(`${line}\n`);
      const { value, done } = await lines.next();
      if (done === true) throw new Error('PRUNECAST_PYTHON has to name a Python with torch and transformers');
      return value;
    },
    end: () => child.stdin.end(),
  };
}
