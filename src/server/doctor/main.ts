import { createInt8Check } from '../../engine/workers/int8-check.js';
import { keepTelemetryOff } from '../../onnx-runtime/telemetry.js';
import { loadConfig, type Config } from '../config/config.js';
import type { Check } from './check.js';
import { checkMachine } from './check-machine.js';

/*
 * The checks as a process of its own, as native code that does not fit a machine can end the process that loads it.
 * Settings come from PRUNECAST_* variables and their file, as a server's. Prints one line of JSON for each check as it is done.
 */

keepTelemetryOff();
for await (const check of checkAll()) process.stdout.write(`${JSON.stringify(check)}\n`);

async function* checkAll(): AsyncGenerator<Check, void, undefined> {
  const config = readConfig();
  if ('state' in config) yield config;
  else yield* checkMachine({ config, checkInt8: createInt8Check() });
}

function readConfig(): Config | Check {
  try {
    return loadConfig(process.env);
  } catch (error) {
    const finding = error instanceof Error ? error.message : String(error);
    return {
      name: 'settings',
      state: 'fail',
      finding,
      advice: 'correct these settings; `prunecast config check` tells of paths too',
    };
  }
}
