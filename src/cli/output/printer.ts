import type { JobEvent, TransferProgress } from '../../client/index.js';
import { JobEvent as JobEventMessage } from '../../gen/prunecast/v1/job.js';
import { toProtoJson } from '../proto/proto-json.js';
import { colorsFor, type Colors } from './color.js';
import { createProgressDisplay } from './progress.js';
import { showEvent } from './show-event.js';
import { showTransfer } from './show-transfer.js';
import { showWaiting } from './show-waiting.js';
import { formatTable, type Column } from './table.js';
import { widthOf, wrapLines, type Line } from './wrap-lines.js';

/** A message with its name, for printing as proto JSON. */
export interface NamedMessage<Message> {
  /** `prunecast.v1.Job`. */
  readonly typeName: string;
  readonly codec: { encode(message: Message): { finish(): Uint8Array } };
  readonly message: Message;
}

/**
 * What a command prints: results to standard output, progress and notes to standard error. With `--json` standard
 * output has one proto JSON message per line and nothing else, and `lines` and `table` print nothing. With `--quiet`
 * there are results only: no progress, no notes, and of a job's events those that tell its outcome.
 */
export interface Printer {
  readonly format: 'text' | 'json';
  /** For what goes to standard output. */
  readonly colors: Colors;
  /** Prose fits the terminal; see `Line` for what is never broken. */
  lines(...lines: readonly Line[]): void;
  /** As wide as the terminal at most; as wide as it takes where there is none. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void;
  json(value: unknown): void;
  message<Message>(named: NamedMessage<Message>): void;
  /** An event of a job that is being watched. `resumeCommand` writes the command line that resumes the job. */
  event(event: JobEvent, resumeCommand: (jobId: string) => string): void;
  note(line: Line): void;
  /** Commands that may be of use now, for people: with `--json` and `--quiet` nothing. */
  next(...commands: readonly NextLine[]): void;
  /** Says, for people, what takes a while if it does. Returns what ends that. */
  waiting(activity: string): () => void;
  /**
   * For people, how far a transfer of bytes is, once it takes a while. Returns what is told of it; `endProgress` removes
   * the line.
   */
  transfer(activity: string): (progress: TransferProgress) => void;
  /** Removes a progress line. */
  endProgress(): void;
}

/** A command line, and what it is for. */
export interface NextLine {
  readonly why: string;
  readonly line: string;
}

/** How a command is to print. */
export interface PrintFlags {
  readonly json?: boolean | undefined;
  readonly quiet?: boolean | undefined;
  /** False with `--no-color`. */
  readonly color?: boolean | undefined;
}

/** A printer on the process's own streams. */
export function createPrinter({ json = false, quiet = false, color }: PrintFlags): Printer {
  const progress = createProgressDisplay(process.stderr);
  const colors = colorsFor(process.stdout, { color });
  const printMessage = <Message>({ typeName, codec, message }: NamedMessage<Message>) =>
    writeJson(toProtoJson(typeName, codec.encode(message).finish()));
  const show = (event: JobEvent, resumeCommand: (jobId: string) => string) =>
    json
      ? printMessage({ typeName: 'prunecast.v1.JobEvent', codec: JobEventMessage, message: event })
      : showEvent(progress, event, resumeCommand);
  return {
    format: json ? 'json' : 'text',
    colors,
    lines: json ? () => undefined : (...lines) => wrapLines(lines, widthOf(process.stdout)).forEach(write),
    table: json
      ? () => undefined
      : (columns, rows) =>
          formatTable(columns, rows, {
            width: widthOf(process.stdout),
            heading: colors.bold,
            remark: colors.dim,
          }).forEach(write),
    json: writeJson,
    message: printMessage,
    event: (event, resumeCommand) => {
      if (!quiet || tellsOutcome(event)) show(event, resumeCommand);
    },
    note: quiet ? () => undefined : progress.note,
    next: (...commands) => {
      const dim = colorsFor(process.stderr, { color }).dim;
      if (!json && !quiet) for (const line of describeNext(commands, dim)) progress.note(line);
    },
    waiting: json || quiet ? () => () => undefined : (activity) => showWaiting(progress, activity),
    transfer: json || quiet ? () => () => undefined : (activity) => showTransfer(progress, activity),
    endProgress: progress.end,
  };
}

/** Lines that tell commands: what for, and the command on a line of its own, to be copied. */
export function describeNext(commands: readonly NextLine[], dim: (text: string) => string): Line[] {
  return commands.flatMap(({ why, line }) => ['', dim(`${why}:`), { verbatim: `  ${line}` }]);
}

/** Whether an event has a result, or ends the watching: a job that waits is left as it is. */
function tellsOutcome({ payload }: JobEvent): boolean {
  return payload?.$case === 'evaluation' || payload?.$case === 'paused' || payload?.$case === 'ended';
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

function writeJson(value: unknown): void {
  write(JSON.stringify(value));
}
