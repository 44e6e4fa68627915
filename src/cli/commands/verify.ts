import type { Command } from 'commander';
import { CheckOutcome, type OutputCheck } from '../../client/index.js';
import { OutputCheck as OutputCheckMessage, VerifyOutputRequest } from '../../gen/prunecast/v1/file.js';
import { textFlag } from '../../flags/text.js';
import { addRequestFlags, RequestArgument, type RequestType } from '../options/request-option.js';
import { addServerFlags } from '../options/server.js';
import { CommandFailure } from '../output/command-failure.js';
import { createProgressDisplay } from '../output/progress.js';
import type { PrintFlags, Printer } from '../output/printer.js';
import { callServer } from '../session/call-server.js';

const VERIFY: RequestType<VerifyOutputRequest> = {
  typeName: 'prunecast.v1.VerifyOutputRequest',
  codec: VerifyOutputRequest,
};

/** `prunecast verify`: whether an output is what was written, and computes what it should. */
export function addVerifyCommand(program: Command): void {
  const command = program
    .command('verify')
    .addArgument(new RequestArgument('<OUTPUT>', 'output'))
    .description(
      'check that an output is what was written, and computes what its source does when it is pruned in the same way',
    );
  addRequestFlags(command, VERIFY, 'Source', [
    {
      flags: '--model <DIR>',
      summary: 'the checkpoint that it was cut from, if it is not where the job that wrote it found it',
      field: 'model',
      place: 'model',
    },
    textFlag('--calibration', 'text', 'the text that its weights were compensated on, if it has moved', {
      showsNoDefault: true,
    }),
  ]);
  addServerFlags(command).action((_: string, flags: PrintFlags) =>
    callServer(command, VERIFY, async ({ client, request, printer, places, rename, serverEnded }) => {
      const failures: OutputCheck[] = [];
      const display = createProgressDisplay(process.stderr);
      const shows = printer.format === 'text' && flags.quiet !== true;
      const asked = { ...request, output: places.toOutput(request.output) };
      try {
        for await (const { event } of client.services.files.verifyOutput(
          asked,
          serverEnded === undefined ? {} : { signal: serverEnded },
        )) {
          if (event?.$case === 'progress' && shows) display.update(event.value);
          if (event?.$case !== 'check') continue;
          display.end();
          const check = { ...event.value, finding: rename(event.value.finding) };
          if (check.outcome === CheckOutcome.FAILED) failures.push(check);
          printCheck(check, printer, flags);
        }
      } finally {
        display.end();
      }
      if (failures.length > 0) throw new CommandFailure(describeFailures(request.output, failures));
    }),
  );
}

const STATES = {
  [CheckOutcome.PASSED]: { word: 'passed', color: 'green' },
  [CheckOutcome.FAILED]: { word: 'failed', color: 'red' },
  [CheckOutcome.NOT_CHECKED]: { word: 'not checked', color: 'yellow' },
  [CheckOutcome.UNSPECIFIED]: { word: '', color: 'yellow' },
  [CheckOutcome.UNRECOGNIZED]: { word: '', color: 'yellow' },
} as const;

/** One line for a check: how it ended, what was checked, and what was found. `quiet` leaves out what is well. */
function printCheck(check: OutputCheck, printer: Printer, { quiet = false }: PrintFlags): void {
  if (printer.format === 'json')
    return printer.message({ typeName: 'prunecast.v1.OutputCheck', codec: OutputCheckMessage, message: check });
  const { outcome, name, folder, finding } = check;
  if (quiet && outcome === CheckOutcome.PASSED) return;
  const { word, color } = STATES[outcome];
  const paint = printer.colors[color];
  const column = 23;
  printer.lines({
    text: `${paint(word.padEnd(11))}  ${name.padEnd(8)}  ${folder === '' ? '' : `${folder}: `}${finding}`,
    column,
  });
}

function describeFailures(output: string, failures: readonly OutputCheck[]): string {
  const files = [...new Set(failures.map(({ file }) => file).filter((file) => file !== ''))];
  const what = files.length > 0 ? `, see ${files.join(', ')}` : '';
  return `${output} is not what it should be: ${[...new Set(failures.map(({ name }) => name))].join(', ')} failed${what}`;
}
