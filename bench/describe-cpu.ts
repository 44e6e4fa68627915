import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg } from 'node:os';

/** The machine of a timing. */
export interface CpuDescription {
  readonly model: string;
  /** The instruction sets that ONNX Runtime chooses its kernels by; empty if the system does not list them. */
  readonly instruction_sets: readonly string[];
  readonly threads: number;
}

const TELLING = [
  'avx',
  'avx2',
  'fma',
  'f16c',
  'avx512f',
  'avx512bw',
  'avx512_vnni',
  'avx_vnni',
  'avx512_bf16',
  'amx_int8',
  'amx_bf16',
  'asimd',
  'asimddp',
  'i8mm',
  'bf16',
  'sve',
];

export function describeCpu(threads: number): CpuDescription {
  return { model: cpus()[0]?.model ?? arch(), instruction_sets: readFlags(), threads };
}

/** What else the machine did: processes that ran or waited, on average over the last minute. */
export function describeLoad(): number {
  return Number((loadavg()[0] ?? NaN).toFixed(2));
}

function readFlags(): string[] {
  try {
    const flags = new Set(
      /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? [],
    );
    return TELLING.filter((flag) => flags.has(flag));
  } catch {
    return []; // not Linux
  }
}
