import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { SERVER_MAIN } from '../../client/server-main.js';
import { CommandFailure } from '../output/command-failure.js';
import { writeList } from '../session/environment-list.js';

/** The server's settings as flags. Each sets the environment variable that the server reads; docs/configuration.md explains them. */
export const SERVE_FLAGS = [
  {
    flag: '--model-root <DIR>',
    variable: 'PRUNECAST_MODEL_ROOTS',
    isList: true,
    summary: 'folder that checkpoints lie under; may be repeated (default: ./models)',
  },
  {
    flag: '--model-links <within-roots|anywhere>',
    variable: 'PRUNECAST_MODEL_LINKS',
    summary: 'where symbolic links of checkpoints may lead (default: within-roots)',
  },
  {
    flag: '--data-root <DIR>',
    variable: 'PRUNECAST_DATA_ROOTS',
    isList: true,
    summary: 'folder that texts lie under; may be repeated (default: ./data)',
  },
  {
    flag: '--data-links <within-roots|anywhere>',
    variable: 'PRUNECAST_DATA_LINKS',
    summary: 'where symbolic links to texts may lead (default: within-roots)',
  },
  {
    flag: '--output-root <DIR>',
    variable: 'PRUNECAST_OUTPUT_ROOT',
    summary: 'folder that pruned models are written under (default: ./outputs)',
  },
  {
    flag: '--state-dir <DIR>',
    variable: 'PRUNECAST_STATE_DIRECTORY',
    summary: 'where jobs, labels, studies and predictors are kept (default: ~/.local/state/prunecast)',
  },
  {
    flag: '--listen <ADDRESS>',
    variable: 'PRUNECAST_LISTEN',
    isList: true,
    summary: 'host:port or unix:/path; may be repeated (default: 127.0.0.1:50051)',
  },
  {
    flag: '--threads <COUNT>',
    variable: 'PRUNECAST_THREADS',
    summary: 'threads of the numeric engine (default: the processors there are)',
  },
  {
    flag: '--memory-budget-bytes <BYTES>',
    variable: 'PRUNECAST_MEMORY_BUDGET_BYTES',
    summary: 'memory for weights, hidden states and caches (default: 70 % of what there is)',
  },
  {
    flag: '--open-models <COUNT>',
    variable: 'PRUNECAST_OPEN_MODELS',
    summary: 'models that are kept open while nobody uses them (default: 8)',
  },
  {
    flag: '--model-idle-ms <MS>',
    variable: 'PRUNECAST_MODEL_IDLE_MS',
    summary: 'how long a model that nobody computes with keeps its thread and memory (default: 300000)',
  },
  {
    flag: '--score-cache-bytes <BYTES>',
    variable: 'PRUNECAST_SCORE_CACHE_BYTES',
    summary: 'disk for scores of criteria (default: 268435456)',
  },
  {
    flag: '--concurrent-jobs <COUNT>',
    variable: 'PRUNECAST_CONCURRENT_JOBS',
    summary: 'heavy jobs that run at a time (default: 1)',
  },
  {
    flag: '--max-queued-jobs <COUNT>',
    variable: 'PRUNECAST_MAX_QUEUED_JOBS',
    summary: 'jobs that may wait (default: 100)',
  },
  {
    flag: '--kept-events <COUNT>',
    variable: 'PRUNECAST_KEPT_EVENTS',
    summary: 'newest events of a job that are kept (default: 100000)',
  },
  {
    flag: '--interrupted-jobs <resume|pause>',
    variable: 'PRUNECAST_INTERRUPTED_JOBS',
    summary:
      'jobs that were unfinished when the server ended go on by themselves, or wait for `prunecast jobs resume` (default: resume)',
  },
  {
    flag: '--shutdown-grace-ms <MS>',
    variable: 'PRUNECAST_SHUTDOWN_GRACE_MS',
    summary: 'how long calls may still run at the end (default: 5000)',
  },
  {
    flag: '--plugin <SPECIFIER>',
    variable: 'PRUNECAST_PLUGINS',
    isList: true,
    summary: 'a plug-in of your own: ./knn.js or the name of an installed package; may be repeated',
  },
  {
    flag: '--log-level <LEVEL>',
    variable: 'PRUNECAST_LOG_LEVEL',
    summary: 'fatal, error, warn, info, debug, trace or silent (default: info)',
  },
  {
    flag: '--tls-certificate <FILE>',
    variable: 'PRUNECAST_TLS_CERTIFICATE',
    summary: 'PEM file with the certificate chain',
  },
  { flag: '--tls-key <FILE>', variable: 'PRUNECAST_TLS_KEY', summary: 'PEM file with the private key' },
] as const satisfies readonly {
  readonly flag: string;
  readonly variable: string;
  readonly isList?: true;
  readonly summary: string;
}[];

/** `prunecast serve`: a server in the foreground, until Ctrl-C or SIGTERM. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description(
      'run a server until it is stopped; one JSON line with its address on standard output, its log on standard error',
    );
  for (const { flag, summary } of SERVE_FLAGS)
    command.option(flag, summary, (value: string, earlier: readonly string[] = []) => [...earlier, value]);
  command.action(async () => {
    const given = SERVE_FLAGS.flatMap((setting) => {
      const values = command.getOptionValue(optionName(setting.flag)) as readonly string[] | undefined;
      if (values === undefined) return [];
      return [[setting.variable, 'isList' in setting ? writeList(values) : (values.at(-1) ?? '')]];
    });
    await runServer(Object.fromEntries(given) as Record<string, string>);
  });
}

async function runServer(environment: Readonly<Record<string, string>>): Promise<void> {
  // Standard input is a pipe that ends with this process, so the server never outlives it.
  const child = spawn(process.execPath, [SERVER_MAIN], {
    env: { ...process.env, PRUNECAST_EXIT_ON_STDIN_END: 'true', ...environment },
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  // Ctrl-C reaches the server by itself, as it is in the same process group.
  const forward = () => void child.kill('SIGTERM');
  process.on('SIGINT', stayAlive);
  process.on('SIGTERM', forward);
  const [code] = (await once(child, 'exit')) as [number | null];
  process.off('SIGINT', stayAlive);
  process.off('SIGTERM', forward);
  if (code !== 0) throw new CommandFailure(`the server ended with ${code === null ? 'a signal' : `exit code ${code}`}`);
}

function stayAlive(): void {}

/** `--model-root <DIR>` as commander names it: `modelRoot`. */
function optionName(flag: string): string {
  return flag
    .replace(/^--/, '')
    .replace(/ .*$/, '')
    .replaceAll(/-[a-z]/g, (match) => match.slice(1).toUpperCase());
}
