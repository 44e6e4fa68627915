import { didYouMean, findNearest } from '../../core/errors/nearest.js';

/** Names the file of settings; the flag `--config` sets it. */
export const CONFIG_FILE_VARIABLE = 'PRUNECAST_CONFIG';

/** Which variables `serve` has set from which flags, as JSON: `{"PRUNECAST_THREADS": "--threads"}`. For messages. */
export const FLAGS_VARIABLE = 'PRUNECAST_FLAGS';

/** Variables that are no settings of a server. What reads them is beside them. */
export const OTHER_VARIABLES: ReadonlySet<string> = new Set([
  CONFIG_FILE_VARIABLE,
  FLAGS_VARIABLE,
  'PRUNECAST_EXIT_ON_STDIN_END', // the server process
  'PRUNECAST_STARTED_BY_COMMAND', // the server process
  'PRUNECAST_PLUGIN_ADDRESS', // a plug-in that a server has launched
  'PRUNECAST_PLUGIN_PROTOCOL', // a plug-in that a server has launched
  'PRUNECAST_ADDRESS', // commands that call a server, as those up to the token
  'PRUNECAST_CLIENT_TLS',
  'PRUNECAST_CLIENT_AUTHORITIES',
  'PRUNECAST_CLIENT_CERTIFICATE',
  'PRUNECAST_CLIENT_KEY',
  'PRUNECAST_CLIENT_SERVER_NAME',
  'PRUNECAST_TOKEN_FILE',
  'PRUNECAST_TOKEN',
  'PRUNECAST_COMMAND', // the Python package
  'PRUNECAST_PYTHON', // tests
  'PRUNECAST_ONNX_PYTHON', // tests
  'PRUNECAST_OLDER_TRANSFORMERS', // tests
  'PRUNECAST_CHROMIUM', // tests
  'PRUNECAST_SLOW_TESTS', // tests
  'PRUNECAST_FUZZ_LOOP_LOG', // npm run fuzz
]);

const PREFIX = 'PRUNECAST_';

/** What Kubernetes sets in every container beside a Service called `prunecast`. */
const OF_KUBERNETES = /^PRUNECAST_(?:\w+_)?(?:SERVICE_(?:HOST|PORT)|PORT)(?:_\w+)?$/;

/** The environment variable of a setting: `modelRoots` is `PRUNECAST_MODEL_ROOTS`. */
export function environmentName(setting: string): string {
  return `${PREFIX}${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** What is wrong with variables that are no settings. */
export interface UnknownVariables {
  /** Variables that are all but settings: whoever wrote them believes that they count. */
  readonly faults: readonly string[];
  /** Variables that may belong to somebody else. */
  readonly warnings: readonly string[];
}

/** Looks through the environment for names that begin as settings do, and are none. */
export function findUnknownVariables(
  environment: Readonly<Record<string, string | undefined>>,
  settings: readonly string[],
): UnknownVariables {
  const known = settings.map(environmentName);
  const unknown = Object.keys(environment).filter(
    (name) =>
      name.startsWith(PREFIX) &&
      (environment[name] ?? '') !== '' &&
      !known.includes(name) &&
      !OTHER_VARIABLES.has(name) &&
      !OF_KUBERNETES.test(name),
  );
  // Compared without the beginning that all share.
  const shortNames = [...known, CONFIG_FILE_VARIABLE].map((name) => name.slice(PREFIX.length));
  const isNear = (name: string) => findNearest(name.slice(PREFIX.length), shortNames) !== undefined;
  const describe = (name: string) =>
    `${name} is no setting${didYouMean(name.slice(PREFIX.length), shortNames).replace('"', `"${PREFIX}`)}`;
  return {
    faults: unknown.filter(isNear).map(describe),
    warnings: unknown.filter((name) => !isNear(name)).map(describe),
  };
}
