import { findSockets } from '../../state-folder/socket-paths.js';
import { loadConfig, type Config, type ConfigOptions } from './config.js';
import { CONFIG_FILE_VARIABLE, environmentName } from './setting-variables.js';

/** By what others reach a server, and how they are kept from listening in. */
const REACH = [
  'listen',
  'dashboard',
  'dashboardHosts',
  'tlsCertificate',
  'tlsKey',
  'tlsClientAuthorities',
  'tokensFile',
  'socketMode',
  'socketGroup',
  'healthListen',
  'metricsListen',
  'metricsInsecure',
  'insecure',
] as const satisfies (keyof ConfigOptions)[];

/**
 * The settings of a server that a command starts: it listens on the private socket of its state folder alone. What the
 * environment says about how others reach a server is meant for `serve`, and left out, as is a file of settings.
 *
 * @throws Error as `loadConfig`, and if the socket cannot be in a folder of this user
 */
export function loadCommandConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const left: Record<string, string | undefined> = { ...environment };
  delete left[CONFIG_FILE_VARIABLE];
  for (const setting of REACH) delete left[environmentName(setting)];
  const config = loadConfig(left);
  return { ...config, socketMode: '0600', listen: [`unix:${findSockets(config.stateDirectory).calls}`] };
}
