import { Argument, InvalidArgumentError, type Command } from 'commander';
import { LogLevel } from '../../client/index.js';
import { LogState } from '../../gen/prunecast/v1/admin.js';
import { formatEnum } from '../../words/format.js';
import { readQuantity, TIME_UNITS } from '../../words/quantities.js';
import { addFlags } from '../options/flag-option.js';
import { addRunningServerFlags, type RunningServerFlags } from '../options/server.js';
import { formatTime } from '../output/format-time.js';
import { createPrinter } from '../output/printer.js';
import { askRunningServer } from '../session/ask-running-server.js';

const LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
/** That of the settings. */
const CONFIGURED = 'configured';

/** `prunecast log-level`: how much a server that runs logs. */
export function addLogLevelCommand(program: Command): void {
  const command = program
    .command('log-level')
    .addArgument(new Argument('[LEVEL]', 'what to log from now on').choices([...LEVELS, CONFIGURED]))
    .description('show how much a server logs, or change it while it runs; starts none');
  addFlags(command, {
    flags: '--for <TIME>',
    summary: 'then the level of its settings counts again: 90s, 10m, 2h; by default the new one stays',
  });
  addRunningServerFlags(command);
  command.action(async (level: string | undefined, flags: RunningServerFlags & { readonly for?: string }) => {
    if (level === undefined && flags.for !== undefined)
      throw new InvalidArgumentError('--for: name the level that is to count for so long.');
    const request = {
      level: LogLevel[(level ?? CONFIGURED).toUpperCase() as keyof typeof LogLevel] ?? LogLevel.UNSPECIFIED,
      seconds: flags.for === undefined ? 0 : readSeconds(flags.for),
    };
    const printer = createPrinter(flags);
    const { log } = await askRunningServer(flags, ({ services: { admin } }) =>
      level === undefined ? admin.getLogLevel({}) : admin.setLogLevel(request),
    );
    if (log === undefined) return;
    if (printer.format === 'json')
      printer.message({ typeName: 'prunecast.v1.LogState', codec: LogState, message: log });
    const [now, later] = [log.level, log.configuredLevel].map((each) => formatEnum(LogLevel, each));
    printer.lines(
      log.fallBackTime === undefined ? `${now}` : `${now} until ${formatTime(log.fallBackTime)}, then ${later}`,
    );
  });
}

/** The longest time that the API takes. */
const MOST_SECONDS = 604_800;

function readSeconds(text: string): number {
  const ms = readQuantity(text, TIME_UNITS);
  if (ms !== undefined && ms > 0 && ms <= MOST_SECONDS * 1000) return ms / 1000;
  throw new InvalidArgumentError(
    `--for ${text}: give seconds, minutes, hours or days, a week at most: 90s, 10m, 2h, 3d.`,
  );
}
