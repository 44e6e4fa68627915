import { resolve } from 'node:path';
import { z } from 'zod';
import { defaultStateDirectory, expandHome } from '../../state-folder/state-directory.js';
import { findMemoryBudget, findThreads } from '../../engine/runtime/resource-limits.js';
import { gatherSettings, type Source } from './gather-settings.js';
import { isLocal } from './is-local.js';
import { flag } from './setting-flags.js';
import { environmentName } from './setting-variables.js';

const path = z
  .string()
  .min(1)
  .transform((given) => resolve(expandHome(given)));
/** Paths by what has to be there: `prunecast config check` looks. */
const file = path.meta({ paths: 'files' });
const folder = path.meta({ paths: 'folders' });
/** One that the server makes if it is not there. */
const ownFolder = path.meta({ paths: 'own-folders' });
const folders = z.array(folder);
/** `host:port` with a port that there is. */
const HOST_AND_PORT = /^.+:(?:\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])$/;
const hostAndPort = z.string().regex(HOST_AND_PORT, 'is not host:port with a port from 0 to 65535');

const isAddress = (address: string) => /^unix:.+$/.test(address) || HOST_AND_PORT.test(address);

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * Every setting of a server; docs/configuration.md is generated from the descriptions.
 *
 * A name ends in the unit of its number: `Ms`, `Bytes`. `meta` has what the mechanism must know besides: `paths` where
 * values are or hold paths (`in-addresses` in addresses and plug-ins), `separator: 'comma'` for lists whose entries may
 * hold a colon, `secret: true` for what is not to be printed, and what `flag` makes for the flag of `prunecast serve`.
 */
export const CONFIG_SCHEMA = z
  .strictObject({
    modelRoots: folders
      .prefault(['models'])
      .describe('Folders that hold checkpoints; requests name a checkpoint relative to one of them.')
      .meta(flag('Folders', 'folder that checkpoints lie under')),
    modelLinks: z
      .enum(['within-roots', 'anywhere'])
      .default('within-roots')
      .describe(
        'Where symbolic links of checkpoint folders, and of files in them, may lead: under the model roots (as in a cache of the Hub), or `anywhere` that the server may read. A server that a command starts for itself allows the latter.',
      )
      .meta(flag('Folders', 'where symbolic links of checkpoints may lead')),
    dataRoots: folders
      .prefault(['data'])
      .describe('Folders that hold texts; requests name a text relative to one of them.')
      .meta(flag('Folders', 'folder that texts lie under')),
    dataLinks: z
      .enum(['within-roots', 'anywhere'])
      .default('within-roots')
      .describe(
        'Where symbolic links to texts may lead: under a data root, or `anywhere` that the server may read. A server that a command starts for itself allows the latter.',
      )
      .meta(flag('Folders', 'where symbolic links to texts may lead')),
    outputRoot: ownFolder
      .prefault('outputs')
      .describe('The folder that pruned models are written under.')
      .meta(flag('Folders', 'folder that pruned models are written under')),
    stateDirectory: ownFolder
      .optional()
      .describe(
        'Where jobs, labels, studies and predictors are kept, for the commands of a user as for `serve`; one server at a time. Default: `prunecast` under XDG_STATE_HOME, else `~/Library/Application Support` on macOS, `%LOCALAPPDATA%` on Windows and `~/.local/state` elsewhere.',
      )
      .meta(flag('Folders', 'where jobs, labels, studies and predictors are kept', { name: 'state-dir' })),
    listen: z
      .array(z.string().refine(isAddress, 'is neither unix:/path nor host:port with a port from 0 to 65535'))
      .min(1)
      .default(['127.0.0.1:50051'])
      .describe('Addresses to listen on: `host:port` (port 0 for any free one) or `unix:/path`.')
      .meta({ separator: 'comma', paths: 'in-addresses', ...flag('Network', 'host:port or unix:/path') }),
    socketMode: z
      .string()
      .regex(/^0?[0-7]{3}$/, 'is not an octal mode such as 0660')
      .default('0660')
      .describe('Who may connect to the unix sockets of `listen`, as an octal mode: by default the user and the group.')
      .meta(
        flag('Network', 'who may connect to unix sockets, in octal: 0660 is the user and the group', { value: 'MODE' }),
      ),
    socketGroup: z
      .string()
      .min(1)
      .optional()
      .describe('The group of the unix sockets of `listen`, by name or number. Default: that of the process.')
      .meta(flag('Network', 'group of the unix sockets, by name or number', { value: 'GROUP' })),
    healthListen: z
      .array(hostAndPort)
      .default([])
      .describe(
        'Addresses `host:port` for `grpc.health.v1` alone, without encryption and without tokens: for probes that speak no TLS.',
      )
      .meta({
        separator: 'comma',
        ...flag('Network', 'host:port for health alone, without TLS and tokens', { value: 'ADDRESS' }),
      }),
    insecure: z
      .boolean()
      .default(false)
      .describe(
        'Whether addresses that other machines reach may be without TLS or without authentication. Otherwise such a server does not start.',
      )
      .meta(flag('Network', 'allow addresses that other machines reach without TLS or authentication')),
    dashboard: hostAndPort
      .optional()
      .describe(
        'Address of the [dashboard](dashboard.md) for browsers, `127.0.0.1:8080` (port 0 for any free one). Without it there is none.',
      )
      .meta(
        flag(
          'Network',
          'host:port of a page that shows jobs and studies in a browser; only of this machine unless told otherwise',
          { value: 'ADDRESS' },
        ),
      ),
    dashboardHosts: z
      .array(z.string().regex(/^(?:[\w.-]+|\[[\da-f:.]+\])$/i, 'is not a host name'))
      .default([])
      .describe(
        'Names, without port, by which browsers reach the dashboard besides `localhost` and `127.0.0.1`: that of a proxy before it, or of this machine. Requests under other names are refused, and without one the dashboard listens on loopback alone.',
      )
      .meta({
        separator: 'comma',
        ...flag('Network', 'name by which browsers on other machines may reach the dashboard', { value: 'NAME' }),
      }),
    metricsListen: hostAndPort
      .optional()
      .describe(
        'Address at which Prometheus reads [metrics](observability.md), `127.0.0.1:9464` (port 0 for any free one): plain HTTP, GET /metrics alone, and no names of models, files or callers in it. Without it there is none.',
      )
      .meta(flag('Network', 'host:port at which Prometheus reads metrics', { value: 'ADDRESS' })),
    metricsInsecure: z
      .boolean()
      .default(false)
      .describe(
        'Whether other machines may reach the address of metrics, which has no TLS and no tokens: for one that none but your scrapers get to. Otherwise such a server does not start.',
      )
      .meta(flag('Network', 'allow an address of metrics that other machines reach')),
    threads: z
      .int()
      .min(1)
      .max(1024)
      .optional()
      .describe('Threads of the numeric engine. Default: the processors that the cgroup or the machine allows.')
      .meta(flag('Resources', 'threads of the numeric engine')),
    memoryBudgetBytes: z
      .int()
      .min(64 * 2 ** 20)
      .optional()
      .describe(
        'Memory of all models together for weights in use, hidden states, calibration statistics, caches and graphs. Gram matrices that do not fit are kept in files under stateDirectory, and work that can never fit is refused. Tokenizers run in processes of their own and may use half as much in addition, at least 512 MiB. Default: 70 % of what the cgroup or the machine has.',
      )
      .meta(flag('Resources', 'memory for weights, hidden states and caches')),
    openModels: z
      .int()
      .min(1)
      .max(256)
      .default(8)
      .describe(
        'How many unused checkpoints stay open, and how many models keep their threads between calls. Those unused for the longest time are closed first; a checkpoint in use is never closed.',
      )
      .meta(flag('Resources', 'models that stay open while unused')),
    modelIdleMs: z
      .int()
      .min(0)
      .max(86_400_000)
      .default(300_000)
      .describe(
        'How long a model that nobody uses stays open, with its thread, its compiled graphs and its weights in memory, in milliseconds.',
      )
      .meta(flag('Resources', 'how long an idle model keeps its thread and memory, in milliseconds')),
    scoreCacheBytes: z
      .int()
      .min(0)
      .default(256 * 2 ** 20)
      .describe(
        'Disk space for scores of criteria in the state folder, so that a calibration pass is paid once. Scores unused for the longest time are removed first. 0 keeps none.',
      )
      .meta(flag('Resources', 'disk space for cached scores of criteria')),
    uploadBytes: z
      .int()
      .min(0)
      .default(8 * 2 ** 30)
      .describe(
        'Disk space in the state folder for files that callers upload, all together. An upload beyond it is refused; 0 refuses all.',
      )
      .meta(flag('Resources', 'disk space for files that callers upload')),
    uploadRetentionDays: z
      .int()
      .min(1)
      .max(36_500)
      .default(30)
      .describe(
        'Days after which an uploaded file or folder is deleted that nobody has uploaded or read again. One that a job names which has not ended is kept. The server looks at its start and every hour.',
      )
      .meta(flag('Resources', 'days after which an upload is deleted that nobody has uploaded or read again')),
    stateRetentionDays: z
      .int()
      .min(1)
      .max(36_500)
      .optional()
      .describe(
        'Days after which jobs that have ended are removed with their events, and labels, except those of checkpoints that a study is about. Studies and predictors stay. The server looks at its start and every hour. A request id of a removed job counts as new. Default: nothing is removed.',
      )
      .meta(flag('Resources', 'days after which ended jobs and labels of no study are removed')),
    databaseBytes: z
      .int()
      .min(2 ** 20)
      .optional()
      .describe(
        'Size of the database in the state folder to which the oldest of these jobs, then labels, are removed at the start and every hour, but for those of the last hour. The file stays as large as it is, and its free space is used again; `prunecast state prune` gives it back to the disk. Default: no limit.',
      )
      .meta(
        flag('Resources', 'size of the database to which the oldest ended jobs and labels of no study are removed'),
      ),
    concurrentJobs: z
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe(
        'How many jobs that compute with a model run at the same time; the others are queued. As many fits of predictors run beside them.',
      )
      .meta(flag('Jobs', 'jobs with a model that run at the same time; as many fits run beside them')),
    maxQueuedJobs: z
      .int()
      .min(0)
      .max(10_000)
      .default(200)
      .describe(
        'How many jobs may wait, of all kinds and callers together; a start beyond that is refused as OVERLOADED. Callers take turns: one who has many jobs wait does not hold up the others.',
      )
      .meta(flag('Jobs', 'jobs that may wait in the queue')),
    maxQueuedJobsPerKind: z
      .int()
      .min(0)
      .max(10_000)
      .default(100)
      .describe('How many jobs of one kind may wait: searches, evaluations, prunings, samplings, fits.')
      .meta(flag('Jobs', 'jobs of one kind that may wait')),
    maxQueuedJobsPerCaller: z
      .int()
      .min(0)
      .max(10_000)
      .default(100)
      .describe('How many jobs of one caller may wait. Callers that no token or certificate names count as one.')
      .meta(flag('Jobs', 'jobs of one caller that may wait')),
    concurrentCalls: z
      .int()
      .min(1)
      .max(1024)
      .default(64)
      .describe(
        'How many calls run at the same time of each kind of work that calls do themselves: predictions, queries of studies, and the opening of models and requests. The others wait, and callers take turns.',
      )
      .meta(flag('Calls', 'predictions, queries of studies, and openings of models that run at the same time, each')),
    maxQueuedCalls: z
      .int()
      .min(0)
      .max(100_000)
      .default(1000)
      .describe('How many calls of each of these kinds may wait; a call beyond that is refused as OVERLOADED.')
      .meta(flag('Calls', 'calls of each of these kinds that may wait')),
    maxQueuedCallsPerCaller: z
      .int()
      .min(0)
      .max(100_000)
      .default(1000)
      .describe('How many calls of one caller may wait, of each of these kinds.')
      .meta(flag('Calls', 'calls of one caller that may wait, of each of these kinds')),
    maxQueuedBytes: z
      .int()
      .min(0)
      .default(64 * 2 ** 20)
      .describe(
        'How many bytes the requests that wait may have together: those of jobs, and those of calls of each kind.',
      )
      .meta(flag('Calls', 'bytes that the requests that wait may have together')),
    keptEvents: z
      .int()
      .min(1000)
      .default(100_000)
      .describe('How many of the newest events of a job are kept; older ones are removed.')
      .meta(flag('Jobs', 'how many of the newest events of a job are kept')),
    interruptedJobs: z
      .enum(['resume', 'pause'])
      .default('resume')
      .describe(
        'What happens at the next start to jobs that were unfinished when the server ended: they resume by themselves (`resume`), or wait for ResumeJob (`pause`), as under a server that a command starts. A job whose model, text or plug-in this server does not have waits too. A job with which three servers in a row ended unexpectedly, without a result in between, ends as FAILED with JOB_POISONED.',
      )
      .meta(
        flag(
          'Jobs',
          'whether jobs that were unfinished when the server ended resume by themselves, or wait for `prunecast jobs resume`',
        ),
      ),
    shutdownGraceMs: z
      .int()
      .min(0)
      .max(600_000)
      .default(5000)
      .describe(
        'How long calls and jobs may still run when the server is asked to stop, in milliseconds. A job stops as soon as it has stored its next result, and the next server goes on with it.',
      )
      .meta(flag('Jobs', 'how long calls may still run when the server is stopped, in milliseconds')),
    plugins: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'Plug-ins besides the built-in ones: `./knn.js`, `/opt/plugins/knn.js` or the name of a package; of a process of its own its address, `unix:/run/knn.sock`, `grpc://host:50061` or `grpcs://host:50061`, or the command that starts it, `exec:python knn.py` ([plug-ins in any language](remote-plugins.md)). Relative paths start at the working folder, and packages are looked up in its `node_modules`. A plug-in that the server loads or starts has all rights of the server.',
      )
      .meta({
        separator: 'comma',
        paths: 'in-addresses',
        ...flag('Plug-ins', 'a plug-in of your own: ./knn.js or the name of an installed package', {
          value: 'SPECIFIER',
          proposes: 'files',
        }),
      }),
    pluginAuthorities: file
      .optional()
      .describe(
        'PEM file of the authorities that certificates of plug-ins at `grpcs://` addresses may come from. Default: those that Node.js trusts.',
      )
      .meta(flag('Plug-ins', 'PEM file of the authorities that plug-ins at grpcs:// addresses are trusted by')),
    pluginStartMs: z
      .int()
      .min(100)
      .max(3_600_000)
      .default(30_000)
      .describe(
        'How long a plug-in may take to be loaded, and one in a process of its own to be reachable, at the start of the server and after the process has died. In milliseconds.',
      )
      .meta(
        flag('Plug-ins', 'how long a plug-in may take to be loaded, or its process to be reachable, in milliseconds'),
      ),
    pluginCallMs: z
      .int()
      .min(10)
      .max(86_400_000)
      .default(60_000)
      .describe(
        'How long a plug-in in a process of its own may take for an answer without long work: a prediction of a batch, the loading of a predictor, a step of a strategy. In milliseconds.',
      )
      .meta(flag('Plug-ins', 'how long it may take for an answer without long work, in milliseconds')),
    pluginWorkMs: z
      .int()
      .min(10)
      .max(604_800_000)
      .default(3_600_000)
      .describe(
        'How long a plug-in in a process of its own may take for long work: a fit, a measurement of one model, the scores of all units. In milliseconds.',
      )
      .meta(flag('Plug-ins', 'how long it may take for a fit, a measurement or scores, in milliseconds')),
    pluginRetries: z
      .int()
      .min(0)
      .max(1000)
      .default(10)
      .describe(
        'How often a call of a plug-in in a process of its own is made again if the process dies, or says that it cannot answer now. Then the work that asked ends with PLUGIN_FAILED.',
      )
      .meta(flag('Plug-ins', 'how often a call is made again if its process dies')),
    logLevel: z
      .enum(LOG_LEVELS)
      .default('info')
      .describe('What goes to the log on standard error.')
      .meta(flag('Log', `what is logged and all that is graver: ${LOG_LEVELS.join(', ')}`, { value: 'LEVEL' })),
    tlsCertificate: file
      .optional()
      .describe(
        'PEM file with the certificate chain. Needs tlsKey; without both, nothing is encrypted. It is read again when it changes, and open connections stay. Unix sockets are never encrypted.',
      )
      .meta(flag('Network', 'PEM file with the certificate chain')),
    tlsKey: file
      .optional()
      .describe('PEM file with the private key. Needs tlsCertificate.')
      .meta(flag('Network', 'PEM file with the private key')),
    tlsClientAuthorities: file
      .optional()
      .describe(
        'PEM file of the authorities that certificates of clients must come from. Clients without such a certificate are refused; the name of the others is its common name, or its first alternative name. Needs tlsCertificate.',
      )
      .meta(flag('Network', 'PEM file of the authorities that certificates of clients must come from')),
    tokensFile: file
      .optional()
      .describe(
        'YAML or JSON file with the names, scopes and SHA-256 hashes of bearer tokens ([tokens](callers.md)). With it every call, except for health, needs a token. It is read again when it changes.',
      )
      .meta(flag('Network', 'file of bearer tokens that callers need; `prunecast token new` prints an entry')),
  })
  .refine(({ tlsCertificate, tlsKey }) => (tlsCertificate === undefined) === (tlsKey === undefined), {
    path: ['tlsKey'],
    message: 'tlsCertificate and tlsKey go together: set both or none',
  })
  .refine(
    ({ tlsCertificate, tlsClientAuthorities }) => tlsClientAuthorities === undefined || tlsCertificate !== undefined,
    {
      path: ['tlsClientAuthorities'],
      message: 'needs tlsCertificate and tlsKey',
    },
  )
  .refine(
    ({ dashboard, dashboardHosts }) => dashboard === undefined || isLocal(dashboard) || dashboardHosts.length > 0,
    {
      path: ['dashboard'],
      message:
        'other machines can reach this address, and cancel jobs: listen on 127.0.0.1, or name the hosts by which browsers may reach it in dashboardHosts',
    },
  );

/** Settings as a caller gives them. */
export type ConfigOptions = z.input<typeof CONFIG_SCHEMA>;

type Parsed = z.output<typeof CONFIG_SCHEMA>;

/** Complete settings; paths are absolute. */
export type Config = Omit<Parsed, 'stateDirectory' | 'threads' | 'memoryBudgetBytes'> & {
  readonly stateDirectory: string;
  readonly threads: number;
  readonly memoryBudgetBytes: number;
};

/** Settings with where each comes from. */
export interface ExplainedConfig {
  readonly config: Config;
  readonly sources: Readonly<Record<keyof Config, Source>>;
  /** What is not wrong, but may not be meant. */
  readonly warnings: readonly string[];
}

/** Settings that a server cannot start with. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the configuration is not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

/**
 * The settings of a server: `options` over the environment over the file that `PRUNECAST_CONFIG` names over the defaults.
 *
 * @param environment `PRUNECAST_MODEL_ROOTS` and so on: the setting's name in capitals. Several folders are separated
 * as in PATH, several addresses or plug-ins by commas; a value that begins with `["` is a JSON array, for names that
 * hold a separator.
 * @throws ConfigError that names each setting at fault, where it was given, and what is allowed
 */
export function loadConfig(
  environment: Readonly<Record<string, string | undefined>>,
  options: ConfigOptions = {},
): Config {
  return explainConfig(environment, options).config;
}

/** As `loadConfig`, with where each value comes from. */
export function explainConfig(
  environment: Readonly<Record<string, string | undefined>>,
  options: ConfigOptions = {},
): ExplainedConfig {
  const { given, faults, warnings } = gatherSettings(CONFIG_SCHEMA.shape, environment, options);
  if (faults.length > 0) throw new ConfigError(faults);
  const parsed = CONFIG_SCHEMA.safeParse(Object.fromEntries([...given].map(([name, { value }]) => [name, value])));
  if (!parsed.success)
    throw new ConfigError(
      parsed.error.issues.map(({ path: [setting = ''], message }) => {
        const name = String(setting);
        return `${name} (${given.get(name)?.source.where || environmentName(name)}): ${message}`;
      }),
    );
  const { stateDirectory, threads, memoryBudgetBytes } = parsed.data;
  const found = { threads: findThreads(), memoryBudgetBytes: findMemoryBudget() };
  const explain = (name: string): Source =>
    given.get(name)?.source ?? { from: 'default', where: found[name as keyof typeof found]?.from ?? '' };
  return {
    config: {
      ...parsed.data,
      stateDirectory: stateDirectory ?? defaultStateDirectory({ environment }),
      threads: threads ?? found.threads.value,
      memoryBudgetBytes: memoryBudgetBytes ?? found.memoryBudgetBytes.value,
    },
    sources: Object.fromEntries(
      Object.keys(CONFIG_SCHEMA.shape).map((name) => [name, explain(name)]),
    ) as ExplainedConfig['sources'],
    warnings,
  };
}
