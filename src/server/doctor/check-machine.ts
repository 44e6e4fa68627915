import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, freemem, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { checkProduct } from '../../engine/graph/check-product.js';
import { isInt8Offered, type Int8Check } from '../../engine/graph/measure-int8.js';
import { createSessionPool } from '../../engine/graph/session-pool.js';
import { findMemory } from '../../engine/runtime/resource-limits.js';
import { readOnnxRuntimeVersion } from '../../onnx-runtime/load-onnx-runtime.js';
import { openDatabase } from '../adapters/sqlite/open-database.js';
import type { Config } from '../config/config.js';
import { readInstructionSets } from '../config/describe-server.js';
import { VERSION } from '../config/version.js';
import type { Check } from './check.js';
import { checkDatabase } from './check-database.js';
import { checkFolder, findExisting, formatMib, withProbe } from './check-folder.js';
import { checkServer } from './check-server.js';
import { checkState } from './check-state.js';
import { meetsEngines } from './meets-engines.js';

/** What the checks look at. */
export interface Machine {
  readonly config: Pick<Config, 'threads' | 'memoryBudgetBytes' | 'stateDirectory' | 'outputRoot'>;
  readonly checkInt8: () => Promise<Int8Check>;
}

/**
 * All that a server needs of a machine, one check after the other, without network. A check that throws has failed, and
 * the others still run. The only things written are probes in the state and output folders, removed at once.
 */
export async function* checkMachine(machine: Machine): AsyncGenerator<Check, void, undefined> {
  for (const [name, check] of Object.entries(CHECKS)) {
    yield await Promise.resolve()
      .then(() => check(machine))
      .catch(
        (error: unknown): Check => ({
          name,
          state: 'fail',
          finding: error instanceof Error ? error.message : String(error),
          advice: ADVICE[name] ?? 'see the message',
        }),
      );
  }
}

const CHECKS: Readonly<Record<string, (machine: Machine) => Check | Promise<Check>>> = {
  prunecast: () => ({ name: 'prunecast', state: 'ok', finding: VERSION }),
  node: checkNode,
  cpu: checkCpu,
  onnxruntime: checkOnnxRuntime,
  int8: checkInt8Products,
  threads: ({ config }) => ({
    name: 'threads',
    state: 'ok',
    finding: `${config.threads} for the numeric engine; the machine has ${availableParallelism()} cores`,
  }),
  memory: checkMemory,
  libsql: checkLibsql,
  state: ({ config }) => checkState(config.stateDirectory),
  database: ({ config }) => checkDatabase(config.stateDirectory),
  server: ({ config }) => checkServer(config.stateDirectory),
  output: ({ config }) => checkFolder('output', config.outputRoot, '--output or PRUNECAST_OUTPUT_ROOT'),
};

const ADVICE: Readonly<Record<string, string>> = {
  onnxruntime: 'install again on this machine (npm ci); its binaries need glibc 2.28 or newer, and are not for musl',
  int8: 'evaluations in float32 may still work; report it',
  libsql: 'install again on this machine (npm ci), so that the binary for it is there',
  database: 'name another state folder with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR',
  server: 'name another state folder with --state-dir DIR or PRUNECAST_STATE_DIRECTORY=DIR',
};

function checkNode(): Check {
  const { engines } = createRequire(import.meta.url)(findManifest()) as { readonly engines: { readonly node: string } };
  const { node } = process.versions;
  const finding = `${node}; needed is ${engines.node}`;
  if (meetsEngines(node, engines.node)) return { name: 'node', state: 'ok', finding };
  return { name: 'node', state: 'fail', finding, advice: 'install Node 22 or 24' };
}

/** package.json, from sources as from the build. */
function findManifest(): string {
  const require = createRequire(import.meta.url);
  return ['../../../package.json', '../../../../package.json'].find((path) => {
    try {
      return (require(path) as { readonly name?: string }).name === 'prunecast';
    } catch {
      return false; // not at this depth
    }
  }) as string;
}

function checkCpu(): Check {
  const sets = readInstructionSets();
  const finding = `${cpus()[0]?.model.trim() ?? 'unknown'}${sets === '' ? '' : `: ${sets}`}`;
  if (sets === '' || /\b(?:avx2|asimd)\b/.test(sets)) return { name: 'cpu', state: 'ok', finding };
  return {
    name: 'cpu',
    state: 'warn',
    finding: `${finding}, no AVX2`,
    advice: 'all works, several times slower than on a CPU with AVX2',
  };
}

async function checkOnnxRuntime(): Promise<Check> {
  const sessions = createSessionPool({ threads: 1 });
  const isRight = await checkProduct(sessions);
  await sessions.close();
  const finding = `${readOnnxRuntimeVersion()}: loads, and a product of matrices is ${isRight ? 'right' : 'wrong'}`;
  if (isRight) return { name: 'onnxruntime', state: 'ok', finding };
  return { name: 'onnxruntime', state: 'fail', finding, advice: 'trust no result of this machine; report it' };
}

async function checkInt8Products({ checkInt8 }: Machine): Promise<Check> {
  const check = await checkInt8();
  const speed = `${check.speedup.toFixed(1)} times as fast as float32`;
  if (isInt8Offered(check)) return { name: 'int8', state: 'ok', finding: `offered: products are exact and ${speed}` };
  return {
    name: 'int8',
    state: 'warn',
    finding: `not offered: products are ${check.exact ? `exact, but only ${speed}` : 'not exact on this CPU'}`,
    advice: 'nothing to do: labels are measured in float32',
  };
}

function checkMemory({ config: { memoryBudgetBytes } }: Machine): Check {
  const limit = findMemory().value;
  const cgroup = limit < totalmem() ? `, the control group allows ${formatMib(limit)}` : '';
  const available = readAvailableBytes();
  const finding = `${formatMib(memoryBudgetBytes)} as budget; the machine has ${formatMib(totalmem())}, of which ${formatMib(available)} available${cgroup}`;
  if (memoryBudgetBytes <= available) return { name: 'memory', state: 'ok', finding };
  return {
    name: 'memory',
    state: 'warn',
    finding,
    advice: 'end other programs, or set PRUNECAST_MEMORY_BUDGET_BYTES to less than what is available',
  };
}

/** Memory that programs can get without swapping. */
function readAvailableBytes(): number {
  try {
    const kib = /^MemAvailable:\s*(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
    return kib === undefined ? freemem() : 1024 * Number(kib);
  } catch {
    return freemem(); // no Linux
  }
}

async function checkLibsql({ config }: Machine): Promise<Check> {
  // That the state folder cannot be written is the finding of another check.
  const folder = await findWritable([await findExisting(config.stateDirectory), tmpdir()]);
  if (folder === undefined)
    return {
      name: 'libsql',
      state: 'warn',
      finding: `${readPackageVersion('libsql')}: not tried, as neither the state folder nor ${tmpdir()} can be written`,
      advice: 'set TMPDIR to a folder that can be written',
    };
  await withProbe(folder, makeDatabase);
  return { name: 'libsql', state: 'ok', finding: `${readPackageVersion('libsql')}: makes and opens a database` };
}

/** The first of some paths that is a folder where something can be made. */
async function findWritable(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const isWritable = await withProbe(path, async () => true).catch(() => false);
    if (isWritable) return path;
  }
  return undefined;
}

async function makeDatabase(folder: string): Promise<void> {
  const database = await openDatabase(folder);
  await database.close();
}

/** From the package.json above the entry of a package, which need not export it. */
function readPackageVersion(name: string): string {
  const require = createRequire(import.meta.url);
  for (let folder = dirname(require.resolve(name)); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (!existsSync(manifest)) continue;
    const found = require(manifest) as { readonly name?: string; readonly version?: string };
    if (found.name === name) return found.version ?? 'unknown';
  }
  return 'unknown';
}
