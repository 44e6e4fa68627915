import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { checkOutcome } from '../demo/check-outcome.js';
import { claimFolder, type ClaimedFolder } from '../demo/claim-folder.js';
import { ownCommand } from '../demo/own-command.js';
import { printOutcome } from '../demo/print-outcome.js';
import { DEMO_FILES, runDemo } from '../demo/run-demo.js';
import { createDemoDisplay } from '../demo/show-phases.js';
import { quoteWord } from '../../flags/quote-word.js';
import { addFlags } from '../options/flag-option.js';
import { CommandFailure } from '../output/command-failure.js';
import { createPrinter } from '../output/printer.js';
import { nameUnused } from '../session/next-commands.js';

/** Where the demo writes if no folder is named. */
const DEFAULT_FOLDER = 'prunecast-demo';

interface DemoFlags {
  readonly output?: string;
  readonly json?: string;
  readonly quiet?: boolean;
  readonly color?: boolean;
}

/** `prunecast demo`: a whole search on the model that comes with the package. */
export function addDemoCommand(program: Command): void {
  addFlags(
    program
      .command('demo')
      .description('search the tiny model that comes with this package, write the winner, and measure it again'),
    {
      flags: '--output <DIR>',
      summary: `a new folder for the winner and the report (default: ${DEFAULT_FOLDER}, with a number if that exists)`,
      proposes: { from: 'folders' },
    },
    { flags: '--json <FILE>', summary: 'write the numbers as JSON', proposes: { from: 'files' } },
    { flags: '-q, --quiet', summary: 'print the result and errors only' },
    { flags: '--no-color', summary: 'print without colours' },
  ).action(async (flags: DemoFlags) => {
    const interrupted = new AbortController();
    const interrupt = () => interrupted.abort(new CommandFailure('interrupted: nothing is left behind'));
    // Once: a second Ctrl-C leaves at once.
    process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
    const folder = await claimFolder(flags.output ?? nameUnused(DEFAULT_FOLDER));
    try {
      await demonstrate(folder, flags, interrupted.signal);
    } catch (error) {
      if (!(error instanceof DemoFailure)) await folder.remove();
      throw interrupted.signal.aborted ? interrupted.signal.reason : error;
    } finally {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    }
  });
}

/** The demo ran to its end, but what it promises does not hold. */
class DemoFailure extends CommandFailure {}

async function demonstrate(folder: ClaimedFolder, flags: DemoFlags, signal: AbortSignal): Promise<void> {
  const printer = createPrinter({ quiet: flags.quiet, color: flags.color });
  const display = createDemoDisplay(flags.quiet === true ? { write: () => undefined } : process.stderr);
  display.step('stories260k, a model of 260 thousand parameters, is to lose a fifth of them');
  const { outcome, facts, report } = await runDemo(folder.path, { display, signal });
  const place = (name: string): string => quoteWord(join(folder.name, name));
  printOutcome(outcome, report, {
    written: {
      model: place(DEMO_FILES.model),
      page: place(DEMO_FILES.page),
      stories: place(DEMO_FILES.stories),
      next: place('smaller'),
    },
    command: ownCommand(),
    printer,
  });
  if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(outcome, undefined, 2)}\n`);
  const faults = checkOutcome(outcome, facts);
  if (faults.length > 0) throw new DemoFailure(faults.map((fault) => `does not hold: ${fault}`).join('\n'));
}
