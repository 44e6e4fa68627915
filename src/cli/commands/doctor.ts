import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { Precision, type GetServerInfoResponse } from '../../client/index.js';
import { DOCTOR_MAIN } from '../../client/server-main.js';
import { addServerFlags, CONFIG_FLAG, type ServerFlags } from '../options/server.js';
import { CommandFailure } from '../output/command-failure.js';
import { formatBytes } from '../../words/format.js';
import { printCheck, type Check } from '../output/print-check.js';
import { createPrinter } from '../output/printer.js';
import { readVersion } from '../proto/package-root.js';
import { findAccess } from '../session/access.js';
import { stateVariables } from '../session/state-directory.js';
import { useServer } from '../session/use-server.js';

/** `prunecast doctor`: whether this machine, or a running server, has what it needs. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'check what a server needs of this machine: Node, CPU, ONNX Runtime, memory, disk, rights, and the state folder; with --address ask a running server',
    );
  addServerFlags(command, CONFIG_FLAG).action(async (flags: ServerFlags) => {
    const printer = createPrinter(flags);
    const checks: Check[] = [];
    const source = findAccess(flags) === undefined ? checkHere(flags) : checkServer(flags);
    for await (const check of source) {
      checks.push(check);
      printCheck(check, printer, flags);
    }
    const failed = checks.filter(({ state }) => state === 'fail').map(({ name }) => name);
    if (failed.length > 0) throw new CommandFailure(`not all is well: ${failed.join(', ')}`);
  });
}

/** The checks of a process of its own: one that does not end well has failed in the check after its last line. */
async function* checkHere(flags: ServerFlags): AsyncGenerator<Check, void, undefined> {
  const environment: NodeJS.ProcessEnv = { ...process.env, ...stateVariables(flags) };
  const { PRUNECAST_CONFIG: file = '', PRUNECAST_OUTPUT_ROOT: outputRoot = process.cwd() } = environment;
  const child = spawn(process.execPath, [DOCTOR_MAIN], {
    // Commands write below the folder they run in; a file of settings is for a server with a root of its own.
    env: { ...environment, ...(file === '' && { PRUNECAST_OUTPUT_ROOT: outputRoot }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  for await (const line of createInterface({ input: child.stdout })) yield JSON.parse(line) as Check;
  const [code, signal] = await ended;
  if (code === 0) return;
  yield {
    name: 'process',
    state: 'fail',
    finding: `the checks ended with ${signal ?? `exit code ${code}`} after the last line${complaint === '' ? '' : `: ${complaint.trim()}`}`,
    advice: 'native code ended the process: install again on this machine (npm ci), and report it',
  };
}

/** What a running server says of itself. */
async function* checkServer(flags: ServerFlags): AsyncGenerator<Check, void, undefined> {
  const info = await useServer(flags, ({ client }) => client.services.catalog.getServerInfo({}));
  yield* describeServer(info);
}

function describeServer(info: GetServerInfoResponse): Check[] {
  const own = readVersion();
  const isSame = info.version === own;
  const hasInt8 = info.precisions.includes(Precision.INT8);
  return [
    {
      name: 'prunecast',
      state: isSame ? 'ok' : 'warn',
      finding: `${info.version}, API ${info.apiVersion}${isSame ? '' : `; this command line is ${own}`}`,
      ...(!isSame && { advice: 'install the same version on both sides: flags may ask for what the server has not' }),
    },
    { name: 'node', state: 'ok', finding: info.nodeVersion },
    { name: 'cpu', state: 'ok', finding: info.instructionSets || 'its instruction sets are not known' },
    { name: 'onnxruntime', state: 'ok', finding: info.onnxruntimeVersion },
    {
      name: 'int8',
      state: hasInt8 ? 'ok' : 'warn',
      finding: hasInt8 ? 'offered: products are exact, and faster than float32' : 'not offered on this CPU',
      ...(!hasInt8 && { advice: 'nothing to do: labels are measured in float32' }),
    },
    { name: 'threads', state: 'ok', finding: `${info.threads} for the numeric engine` },
    { name: 'memory', state: 'ok', finding: `${formatBytes(info.memoryBudgetBytes)} as budget` },
    {
      name: 'jobs',
      state: 'ok',
      finding: `${info.concurrentJobs} at the same time, ${info.maxQueuedJobs} in the queue`,
    },
  ];
}
