import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What importing a module loads: all files, of ES modules and CommonJS, and the native libraries among them. */
export interface LoadedFiles {
  readonly files: readonly string[];
  readonly natives: readonly string[];
}

/** Imports a module in a process of its own, resolved from a folder. */
export async function listLoadedFiles(module: string, folder: string): Promise<LoadedFiles> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script(module)], {
    cwd: folder,
    maxBuffer: 2 ** 24,
  });
  return JSON.parse(stdout) as LoadedFiles;
}

/** Hooks run in a thread of their own, and tell each URL over a port before the module that it leads to runs. */
const HOOKS = `
let port;
export const initialize = (data) => { ({ port } = data); };
export const load = (url, context, nextLoad) => { port.postMessage(url); return nextLoad(url, context); };`;

const script = (module: string): string => `
import { createRequire, register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
const { port1, port2 } = new MessageChannel();
register(${JSON.stringify(`data:text/javascript,${encodeURIComponent(HOOKS)}`)}, { data: { port: port2 }, transferList: [port2] });
await import(${JSON.stringify(module)});
const files = new Set(Object.keys(createRequire(import.meta.url).cache));
for (let told = receiveMessageOnPort(port1); told; told = receiveMessageOnPort(port1))
  if (told.message.startsWith('file:')) files.add(fileURLToPath(told.message));
const natives = process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'));
console.log(JSON.stringify({ files: [...files], natives }));
process.exit();`;
