import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { PLUGIN_CHECK_MAIN } from '../../client/server-main.js';
import { CommandFailure, type FailureDetails } from '../output/command-failure.js';
import type { Json } from '../../flags/request-flag.js';

/** A plug-in that is about to be checked, or a check that is done. */
export type Finding =
  | {
      readonly event: 'plugin';
      readonly kind: string;
      readonly id: string;
      readonly version: string;
      readonly summary: string;
    }
  | { readonly event: 'check'; readonly check: string; readonly failure?: string };

/** As the process of the checks prints it. */
type CheckLine =
  | Extract<Finding, { readonly event: 'plugin' }>
  | { readonly event: 'begin'; readonly check: string }
  | { readonly event: 'end'; readonly check: string; readonly failure?: string }
  | { readonly event: 'done' }
  | ({ readonly event: 'refused'; readonly message: string } & Partial<FailureDetails>);

export interface CheckSettings {
  readonly options?: Readonly<Record<string, Json>>;
  /** A file or a folder. */
  readonly rows?: string;
  /** The folder of a checkpoint, for plug-ins that read one themselves. */
  readonly model: string;
}

/**
 * Runs the conformance kits over the plug-ins of some specifiers, in a process of its own. A check that does not end
 * within the limit, or that ends the process, has failed, and is the last.
 *
 * @throws CommandFailure if the plug-ins cannot be loaded
 */
export async function* runChecks(
  specifiers: readonly string[],
  settings: CheckSettings,
  limitMs: number,
): AsyncGenerator<Finding, void, undefined> {
  const child = spawn(process.execPath, [PLUGIN_CHECK_MAIN, JSON.stringify(settings), ...specifiers], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  let printed = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const watchdog = startWatchdog(limitMs, () => child.kill('SIGKILL'));
  let running: string | undefined;
  try {
    for await (const text of createInterface({ input: child.stdout })) {
      watchdog.restart();
      const line = JSON.parse(text) as CheckLine;
      if (line.event === 'refused') throw refusal(line);
      if (line.event === 'done') return;
      running = line.event === 'begin' ? line.check : undefined;
      if (line.event === 'plugin') yield line;
      else if (line.event === 'end') yield { ...line, event: 'check' };
    }
    const [code, signal] = await exited;
    const last = printed.trim();
    const fault = watchdog.hasFired()
      ? `did not end within ${limitMs / 1000} s`
      : `ended the process with ${signal ?? `exit code ${code}`}${last === '' ? '' : `: ${last}`}`;
    if (running === undefined)
      throw new CommandFailure(`loading ${specifiers.join(', ')} ${fault}`, {
        ...INVALID,
        metadata: { specifiers: specifiers.join(', ') },
      });
    yield { event: 'check', check: running, failure: `${fault}; what comes after it was not checked` };
  } finally {
    watchdog.stop();
    child.kill('SIGKILL');
  }
}

/** A plug-in that cannot be loaded, and one that does not pass: PLUGIN_INVALID, with the code that a server gives it. */
export const INVALID: FailureDetails = { code: 'FAILED_PRECONDITION', reason: 'PLUGIN_INVALID' };

function refusal({ message, code, reason, metadata }: Extract<CheckLine, { readonly event: 'refused' }>) {
  return new CommandFailure(
    message,
    code === undefined || reason === undefined ? undefined : { code, reason, ...(metadata && { metadata }) },
  );
}

/** Calls `late` if it is not restarted in time. */
function startWatchdog(limitMs: number, late: () => void) {
  let hasFired = false;
  const start = (): NodeJS.Timeout =>
    setTimeout(() => {
      hasFired = true;
      late();
    }, limitMs);
  let timer = start();
  return {
    restart: () => {
      clearTimeout(timer);
      timer = start();
    },
    stop: () => clearTimeout(timer),
    hasFired: () => hasFired,
  };
}
