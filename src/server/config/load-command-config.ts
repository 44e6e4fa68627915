import { findSockets } from '../../state-folder/socket-paths.js';
import { environmentName, loadConfig, type Config, type ConfigOptions } from './config.js';

/** By what others reach a server, and how they are kept from listening in. */
const REACH = [
  'listen',
  'dashboard',
  'dashboardHosts',
  'tlsCertificate',
  'tlsKey',
] as const satisfies (keyof ConfigOptions)[];

/**
 * The settings of a server that a command starts: it listens on the private socket of its state folder alone. What the
 * environment says about how others reach a server is meant for `serve`, and left out.
 *
 * @throws Error as `loadConfig`, and if the socket cannot be in a folder of this user
 */
export function loadCommandConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const left = { ...environment };
  for (const setting of REACH) delete left[environmentName(setting)];
  const config = loadConfig(left);
  return { ...config, listen: [`unix:${findSockets(config.stateDirectory).calls}`] };
}
