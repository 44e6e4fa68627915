import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The compiled entry of the server: a process of its own cannot run the sources that a test runs from. */
export const SERVER_MAIN = findMain('main.js');

/** The compiled entry of the checks of a machine. */
export const DOCTOR_MAIN = findMain('doctor/main.js');

/** The compiled entry of the reports of settings. */
export const CONFIG_CHECK_MAIN = findMain('config-check/main.js');

/** The compiled entry of the checks of plug-ins. */
export const PLUGIN_CHECK_MAIN = findMain('plugin-check/main.js');

/** The compiled entry of what is done to a state folder without a server. */
export const STATE_TOOLS_MAIN = findMain('state-tools/main.js');

function findMain(path: string): string {
  const beside = fileURLToPath(new URL(`../server/${path}`, import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL(`../../dist/src/server/${path}`, import.meta.url));
}
