import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:os';
import type { Command } from 'commander';
import { SERVER_MAIN } from '../../client/server-main.js';
import { readSettingFlags, SettingOption, type SettingFlag } from '../options/setting-option.js';
import { showFirst } from '../options/short-help.js';
import { CommandFailure } from '../output/command-failure.js';
import { writeList } from '../session/environment-list.js';

/** The file of settings, which is no setting itself. */
const CONFIG_FLAG: SettingFlag = {
  flag: '--config <FILE>',
  proposes: { from: 'files' },
  variable: 'PRUNECAST_CONFIG',
  group: 'Settings',
  summary: 'file of settings in YAML or JSON; variables count over it, and flags over both',
};

/**
 * The server's settings as flags. Each sets the environment variable that the server reads; docs/configuration.md
 * explains them.
 */
export function listServeFlags(): readonly SettingFlag[] {
  return [CONFIG_FLAG, ...readSettingFlags()];
}

/** `prunecast serve`: a server in the foreground, until Ctrl-C or SIGTERM. */
export function addServeCommand(program: Command): void {
  const command = program
    .command('serve')
    .description(
      'run a server until it is stopped; it prints one JSON line with its address to standard output, and its log to standard error',
    );
  for (const setting of listServeFlags()) command.addOption(new SettingOption(setting));
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
    // The first process of a container gets no signal that it does not handle.
    process.exit(128 + constants.signals[signal]);
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
