import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { CONFIG_CHECK_MAIN } from '../../client/server-main.js';
import { addFlags, PathArgument } from '../options/flag-option.js';
import { SettingOption } from '../options/setting-option.js';
import { showFirst } from '../options/short-help.js';
import { CommandFailure } from '../output/command-failure.js';
import { createPrinter, type PrintFlags } from '../output/printer.js';
import type { ReportedSetting } from '../output/write-settings.js';
import { listServeFlags, nameFlags, readSettings } from './serve.js';

/** As the process of the settings prints it. */
interface ConfigReport {
  readonly settings: readonly ReportedSetting[];
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

const PRINT_FLAGS = [
  { flags: '--json', summary: 'print JSON' },
  { flags: '-q, --quiet', summary: 'print only what is needed' },
  { flags: '--no-color', summary: 'print without colours' },
] as const;

/** `prunecast config`: the settings that `serve` would use with the same flags, file and environment. */
export function addConfigCommand(program: Command): void {
  const config = program.command('config').description('show and check the settings of a server');
  const print = config
    .command('print')
    .description('print the settings that `serve` would use with the same flags, as a file of settings');
  addFlags(print, { flags: '--explain', summary: 'say what each setting means' }, ...PRINT_FLAGS);
  addSettings(print).action(async (flags: PrintFlags & { readonly explain?: true }) => {
    const { settings, faults, warnings } = await readReport('print', print);
    if (faults.length > 0) throw refuse(faults);
    const printer = createPrinter(flags);
    const { writeSettings } = await import('../output/write-settings.js'); // a tenth of the start of any other command
    if (printer.format === 'json') printer.json({ settings, warnings });
    printer.lines({ verbatim: writeSettings(settings, { explains: flags.explain === true }) });
    for (const warning of warnings) printer.note(`warning: ${warning}`);
  });
  const check = config
    .command('check')
    .addArgument(new PathArgument('[FILE]', { from: 'files' }))
    .description('check the settings that `serve` would use with the same flags, and the files and folders they name');
  addFlags(check, ...PRINT_FLAGS);
  addSettings(check).action(async (file: string | undefined, flags: PrintFlags) => {
    const { faults, warnings } = await readReport('check', check, file === undefined ? {} : { PRUNECAST_CONFIG: file });
    const printer = createPrinter(flags);
    if (printer.format === 'json') printer.json({ faults, warnings });
    for (const warning of warnings) printer.note(`warning: ${warning}`);
    if (faults.length > 0) throw refuse(faults);
    printer.note('the settings are valid');
  });
}

/** The flags of `serve`, which its own help explains. */
function addSettings(command: Command): Command {
  const own = command.options.map(({ long }) => long ?? '');
  for (const setting of listServeFlags()) command.addOption(new SettingOption(setting));
  return showFirst(command, ['--config', ...own]);
}

async function readReport(
  task: 'print' | 'check',
  command: Command,
  environment: Readonly<Record<string, string>> = {},
): Promise<ConfigReport> {
  const env = { ...process.env, ...readSettings(command), ...nameFlags(command), ...environment };
  const { stdout } = await promisify(execFile)(process.execPath, [CONFIG_CHECK_MAIN, task], { env });
  return JSON.parse(stdout) as ConfigReport;
}

function refuse(faults: readonly string[]): CommandFailure {
  return new CommandFailure(`the configuration is not valid:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
}
