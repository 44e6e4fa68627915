import { readFileSync } from 'node:fs';
import { isInt8Offered, type Int8Check } from '../../engine/graph/measure-int8.js';
import type { GetServerInfoResponse } from '../../gen/prunecast/v1/catalog.js';
import { Precision } from '../../gen/prunecast/v1/common.js';
import { readOnnxRuntimeVersion } from '../../onnx-runtime/load-onnx-runtime.js';
import { VERSION } from './version.js';
import type { Config } from './config.js';
import { MAX_MESSAGE_BYTES, MAX_PREDICT_ROWS } from './limits.js';

/** The package of the protos, which has the version in its name. */
const API_VERSION = 'prunecast.v1';

/** Versions and limits, as GetServerInfo answers them. The first call tries 8-bit products. */
export async function describeServer(
  config: Config,
  checkInt8: () => Promise<Int8Check>,
): Promise<GetServerInfoResponse> {
  const offersInt8 = isInt8Offered(await checkInt8());
  return {
    version: VERSION,
    apiVersion: API_VERSION,
    nodeVersion: process.versions.node,
    onnxruntimeVersion: readOnnxRuntimeVersion(),
    instructionSets: readInstructionSets(),
    threads: config.threads,
    memoryBudgetBytes: BigInt(config.memoryBudgetBytes),
    maxMessageBytes: BigInt(MAX_MESSAGE_BYTES),
    maxQueuedJobs: config.maxQueuedJobs,
    maxPredictRows: MAX_PREDICT_ROWS,
    concurrentJobs: config.concurrentJobs,
    precisions: [Precision.FLOAT32, ...(offersInt8 ? [Precision.INT8] : [])],
  };
}

/**
 * The instruction sets that the last bits of a label may depend on; empty on systems that do not list them (Linux
 * does).
 */
export function readInstructionSets(): string {
  try {
    const flags = /^(?:flags|Features)\s*:\s*(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? '';
    return flags
      .split(' ')
      .filter((flag) =>
        /^(avx|avx2|fma|avx512[a-z_0-9]*|avx_vnni|amx_[a-z0-9]+|asimd[a-z]*|sve[a-z0-9]*|i8mm|bf16)$/.test(flag),
      )
      .join(' ');
  } catch {
    return '';
  }
}
