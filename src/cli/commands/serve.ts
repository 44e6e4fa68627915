import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { SERVER_MAIN } from '../../client/server-main.js';
import { SettingOption, type SettingFlag } from '../options/setting-option.js';
import { showFirst } from '../options/short-help.js';
import { CommandFailure } from '../output/command-failure.js';
import { writeList } from '../session/environment-list.js';

const LINKS = ['within-roots', 'anywhere'] as const;
const AFTER_INTERRUPTION = ['resume', 'pause'] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * The server's settings as flags. Each sets the environment variable that the server reads; docs/configuration.md
 * explains them.
 */
export const SERVE_FLAGS = [
  {
    flag: '--config <FILE>',
    proposes: { from: 'files' },
    variable: 'PRUNECAST_CONFIG',
    group: 'Settings',
    summary: 'file of settings in YAML or JSON; variables count over it, and flags over both',
  },
  {
    flag: '--model-root <DIR>',
    proposes: { from: 'folders' },
    variable: 'PRUNECAST_MODEL_ROOTS',
    group: 'Folders',
    isList: true,
    summary: 'folder that checkpoints lie under',
  },
  {
    flag: `--model-links <${LINKS.join('|')}>`,
    proposes: { from: 'names', names: LINKS },
    variable: 'PRUNECAST_MODEL_LINKS',
    group: 'Folders',
    summary: 'where symbolic links of checkpoints may lead',
  },
  {
    flag: '--data-root <DIR>',
    proposes: { from: 'folders' },
    variable: 'PRUNECAST_DATA_ROOTS',
    group: 'Folders',
    isList: true,
    summary: 'folder that texts lie under',
  },
  {
    flag: `--data-links <${LINKS.join('|')}>`,
    proposes: { from: 'names', names: LINKS },
    variable: 'PRUNECAST_DATA_LINKS',
    group: 'Folders',
    summary: 'where symbolic links to texts may lead',
  },
  {
    flag: '--output-root <DIR>',
    proposes: { from: 'folders' },
    variable: 'PRUNECAST_OUTPUT_ROOT',
    group: 'Folders',
    summary: 'folder that pruned models are written under',
  },
  {
    flag: '--state-dir <DIR>',
    proposes: { from: 'folders' },
    variable: 'PRUNECAST_STATE_DIRECTORY',
    group: 'Folders',
    summary: 'where jobs, labels, studies and predictors are kept',
  },
  {
    flag: '--listen <ADDRESS>',
    variable: 'PRUNECAST_LISTEN',
    group: 'Network',
    isList: true,
    summary: 'host:port or unix:/path',
  },
  {
    flag: '--socket-mode <MODE>',
    variable: 'PRUNECAST_SOCKET_MODE',
    group: 'Network',
    summary: 'who may connect to unix sockets, in octal: 0660 is the user and the group',
  },
  {
    flag: '--socket-group <GROUP>',
    variable: 'PRUNECAST_SOCKET_GROUP',
    group: 'Network',
    summary: 'group of the unix sockets, by name or number',
  },
  {
    flag: '--health-listen <ADDRESS>',
    variable: 'PRUNECAST_HEALTH_LISTEN',
    group: 'Network',
    isList: true,
    summary: 'host:port for health alone, without TLS and tokens',
  },
  {
    flag: '--insecure',
    variable: 'PRUNECAST_INSECURE',
    group: 'Network',
    summary: 'allow addresses that other machines reach without TLS or authentication',
  },
  {
    flag: '--dashboard <ADDRESS>',
    variable: 'PRUNECAST_DASHBOARD',
    group: 'Network',
    summary: 'host:port of a page that shows jobs and studies in a browser; only of this machine unless told otherwise',
  },
  {
    flag: '--dashboard-host <NAME>',
    variable: 'PRUNECAST_DASHBOARD_HOSTS',
    group: 'Network',
    isList: true,
    summary: 'name by which browsers on other machines may reach the dashboard',
  },
  {
    flag: '--metrics-listen <ADDRESS>',
    variable: 'PRUNECAST_METRICS_LISTEN',
    group: 'Network',
    summary: 'host:port at which Prometheus reads metrics',
  },
  {
    flag: '--metrics-insecure',
    variable: 'PRUNECAST_METRICS_INSECURE',
    group: 'Network',
    summary: 'allow an address of metrics that other machines reach',
  },
  {
    flag: '--threads <COUNT>',
    variable: 'PRUNECAST_THREADS',
    group: 'Resources',
    summary: 'threads of the numeric engine',
  },
  {
    flag: '--memory-budget-bytes <BYTES>',
    variable: 'PRUNECAST_MEMORY_BUDGET_BYTES',
    group: 'Resources',
    summary: 'memory for weights, hidden states and caches',
  },
  {
    flag: '--open-models <COUNT>',
    variable: 'PRUNECAST_OPEN_MODELS',
    group: 'Resources',
    summary: 'models that stay open while unused',
  },
  {
    flag: '--model-idle-ms <MS>',
    variable: 'PRUNECAST_MODEL_IDLE_MS',
    group: 'Resources',
    summary: 'how long an idle model keeps its thread and memory, in milliseconds',
  },
  {
    flag: '--score-cache-bytes <BYTES>',
    variable: 'PRUNECAST_SCORE_CACHE_BYTES',
    group: 'Resources',
    summary: 'disk space for cached scores of criteria',
  },
  {
    flag: '--upload-bytes <BYTES>',
    variable: 'PRUNECAST_UPLOAD_BYTES',
    group: 'Resources',
    summary: 'disk space for files that callers upload',
  },
  {
    flag: '--upload-retention-days <DAYS>',
    variable: 'PRUNECAST_UPLOAD_RETENTION_DAYS',
    group: 'Resources',
    summary: 'days after which an upload is deleted that nobody has uploaded or read again',
  },
  {
    flag: '--concurrent-jobs <COUNT>',
    variable: 'PRUNECAST_CONCURRENT_JOBS',
    group: 'Jobs',
    summary: 'jobs with a model that run at the same time; as many fits run beside them',
  },
  {
    flag: '--max-queued-jobs <COUNT>',
    variable: 'PRUNECAST_MAX_QUEUED_JOBS',
    group: 'Jobs',
    summary: 'jobs that may wait in the queue',
  },
  {
    flag: '--max-queued-jobs-per-kind <COUNT>',
    variable: 'PRUNECAST_MAX_QUEUED_JOBS_PER_KIND',
    group: 'Jobs',
    summary: 'jobs of one kind that may wait',
  },
  {
    flag: '--max-queued-jobs-per-caller <COUNT>',
    variable: 'PRUNECAST_MAX_QUEUED_JOBS_PER_CALLER',
    group: 'Jobs',
    summary: 'jobs of one caller that may wait',
  },
  {
    flag: '--concurrent-calls <COUNT>',
    variable: 'PRUNECAST_CONCURRENT_CALLS',
    group: 'Calls',
    summary: 'predictions, queries of studies, and openings of models that run at the same time, each',
  },
  {
    flag: '--max-queued-calls <COUNT>',
    variable: 'PRUNECAST_MAX_QUEUED_CALLS',
    group: 'Calls',
    summary: 'calls of each of these kinds that may wait',
  },
  {
    flag: '--max-queued-calls-per-caller <COUNT>',
    variable: 'PRUNECAST_MAX_QUEUED_CALLS_PER_CALLER',
    group: 'Calls',
    summary: 'calls of one caller that may wait, of each of these kinds',
  },
  {
    flag: '--max-queued-bytes <BYTES>',
    variable: 'PRUNECAST_MAX_QUEUED_BYTES',
    group: 'Calls',
    summary: 'bytes that the requests that wait may have together',
  },
  {
    flag: '--kept-events <COUNT>',
    variable: 'PRUNECAST_KEPT_EVENTS',
    group: 'Jobs',
    summary: 'how many of the newest events of a job are kept',
  },
  {
    flag: `--interrupted-jobs <${AFTER_INTERRUPTION.join('|')}>`,
    proposes: { from: 'names', names: AFTER_INTERRUPTION },
    variable: 'PRUNECAST_INTERRUPTED_JOBS',
    group: 'Jobs',
    summary:
      'whether jobs that were unfinished when the server ended resume by themselves, or wait for `prunecast jobs resume`',
  },
  {
    flag: '--shutdown-grace-ms <MS>',
    variable: 'PRUNECAST_SHUTDOWN_GRACE_MS',
    group: 'Jobs',
    summary: 'how long calls may still run when the server is stopped, in milliseconds',
  },
  {
    flag: '--plugin <SPECIFIER>',
    proposes: { from: 'files' },
    variable: 'PRUNECAST_PLUGINS',
    group: 'Plug-ins',
    isList: true,
    summary: 'a plug-in of your own: ./knn.js or the name of an installed package',
  },
  {
    flag: '--plugin-authorities <FILE>',
    proposes: { from: 'files' },
    variable: 'PRUNECAST_PLUGIN_AUTHORITIES',
    group: 'Plug-ins',
    summary: 'PEM file of the authorities that plug-ins at grpcs:// addresses are trusted by',
  },
  {
    flag: '--plugin-start-ms <MS>',
    variable: 'PRUNECAST_PLUGIN_START_MS',
    group: 'Plug-ins',
    summary: 'how long a plug-in may take to be loaded, or its process to be reachable, in milliseconds',
  },
  {
    flag: '--plugin-call-ms <MS>',
    variable: 'PRUNECAST_PLUGIN_CALL_MS',
    group: 'Plug-ins',
    summary: 'how long it may take for an answer without long work, in milliseconds',
  },
  {
    flag: '--plugin-work-ms <MS>',
    variable: 'PRUNECAST_PLUGIN_WORK_MS',
    group: 'Plug-ins',
    summary: 'how long it may take for a fit, a measurement or scores, in milliseconds',
  },
  {
    flag: '--plugin-retries <COUNT>',
    variable: 'PRUNECAST_PLUGIN_RETRIES',
    group: 'Plug-ins',
    summary: 'how often a call is made again if its process dies',
  },
  {
    flag: '--log-level <LEVEL>',
    variable: 'PRUNECAST_LOG_LEVEL',
    group: 'Log',
    summary: `what is logged and all that is graver: ${LOG_LEVELS.join(', ')}`,
    proposes: { from: 'names', names: LOG_LEVELS },
  },
  {
    flag: '--tls-certificate <FILE>',
    proposes: { from: 'files' },
    variable: 'PRUNECAST_TLS_CERTIFICATE',
    group: 'Network',
    summary: 'PEM file with the certificate chain',
  },
  {
    flag: '--tls-key <FILE>',
    proposes: { from: 'files' },
    variable: 'PRUNECAST_TLS_KEY',
    group: 'Network',
    summary: 'PEM file with the private key',
  },
  {
    flag: '--tls-client-authorities <FILE>',
    proposes: { from: 'files' },
    variable: 'PRUNECAST_TLS_CLIENT_AUTHORITIES',
    group: 'Network',
    summary: 'PEM file of the authorities that certificates of clients must come from',
  },
  {
    flag: '--tokens-file <FILE>',
    proposes: { from: 'files' },
    variable: 'PRUNECAST_TOKENS_FILE',
    group: 'Network',
    summary: 'file of bearer tokens that callers need; `prunecast token new` prints an entry',
  },
] as const satisfies readonly SettingFlag[];

/** `prunecast serve`: a server in the foreground, until Ctrl-C or SIGTERM. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description(
      'run a server until it is stopped; it prints one JSON line with its address to standard output, and its log to standard error',
    );
  for (const setting of SERVE_FLAGS) command.addOption(new SettingOption(setting));
  showFirst(command, [
    '--config',
    '--model-root',
    '--data-root',
    '--output-root',
    '--state-dir',
    '--listen',
    '--threads',
    '--memory-budget-bytes',
    '--plugin',
    '--log-level',
  ]);
  command.action(() => runServer({ ...readSettings(command), ...nameFlags(command) }));
}

/** Which variables flags have set, for the server's messages. */
export function nameFlags(command: Command): Record<string, string> {
  const flags = command.options.flatMap((option) =>
    option instanceof SettingOption && command.getOptionValue(option.attributeName()) !== undefined
      ? [[option.setting.variable, option.long]]
      : [],
  );
  return { PRUNECAST_FLAGS: JSON.stringify(Object.fromEntries(flags)) };
}

/** The settings that were given, as the environment variables that the server reads. */
export function readSettings(command: Command): Record<string, string> {
  const given = command.options.flatMap((option) => {
    const values = command.getOptionValue(option.attributeName()) as readonly string[] | true | undefined;
    if (!(option instanceof SettingOption) || values === undefined) return [];
    if (values === true) return [[option.setting.variable, 'true']];
    return [[option.setting.variable, option.setting.isList === true ? writeList(values) : (values.at(-1) ?? '')]];
  });
  return Object.fromEntries(given) as Record<string, string>;
}

async function runServer(environment: Readonly<Record<string, string>>): Promise<void> {
  // Standard input is a pipe that ends with this process, so the server never outlives it.
  const child = spawn(process.execPath, [SERVER_MAIN], {
    env: { ...process.env, ...environment, PRUNECAST_EXIT_ON_STDIN_END: 'true' },
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  // The end of the pipe asks the server to stop. A signal that is sent to the whole process group, as by Ctrl-C, reaches
  // the server too: passed on as another one, it would be the second, which ends it with work in it.
  let signals = 0;
  const passOn = (signal: NodeJS.Signals) => {
    signals += 1;
    if (signals === 1) return child.stdin.end();
    child.kill('SIGKILL');
    process.off(signal, passOn);
    process.kill(process.pid, signal);
  };
  process.on('SIGINT', passOn);
  process.on('SIGTERM', passOn);
  // As the server itself does it: for a program that starts this command, and may be killed.
  if (process.env['PRUNECAST_EXIT_ON_STDIN_END'] === 'true') process.stdin.on('end', () => child.stdin.end()).resume();
  const [code] = (await once(child, 'exit')) as [number | null];
  process.off('SIGINT', passOn);
  process.off('SIGTERM', passOn);
  process.stdin.pause();
  if (code !== 0) throw new CommandFailure(`the server ended with ${code === null ? 'a signal' : `exit code ${code}`}`);
}
