import type { JobEvent } from '../../client/index.js';
import { JobEvent as JobEventMessage } from '../../gen/prunecast/v1/job.js';
import { toProtoJson } from '../proto/proto-json.js';
import { createProgressDisplay } from './progress.js';
import { showEvent } from './show-event.js';
import { formatTable } from './table.js';

/** A message with its name, for printing as proto JSON. */
export interface NamedMessage<Message> {
  /** `prunecast.v1.Job`. */
  readonly typeName: string;
  readonly codec: { encode(message: Message): { finish(): Uint8Array } };
  readonly message: Message;
}

/**
 * What a command prints: results to standard output, progress and notes to standard error. With `--json` standard
 * output has one proto JSON message per line and nothing else, and `lines` and `table` print nothing.
 */
export interface Printer {
  readonly format: 'text' | 'json';
  lines(...lines: readonly string[]): void;
  table(heading: readonly string[], rows: readonly (readonly string[])[]): void;
  json(value: unknown): void;
  message<Message>(named: NamedMessage<Message>): void;
  /** An event of a job that is being watched. `resumeCommand` writes the command line that resumes the job. */
  event(event: JobEvent, resumeCommand: (jobId: string) => string): void;
  note(line: string): void;
  /** Removes a progress line. */
  endProgress(): void;
}

/** A printer on the process's own streams. */
export function createPrinter({ json = false }: { readonly json?: boolean | undefined }): Printer {
  const progress = createProgressDisplay(process.stderr);
  const printMessage = <Message>({ typeName, codec, message }: NamedMessage<Message>) =>
    writeJson(toProtoJson(typeName, codec.encode(message).finish()));
  const common = { json: writeJson, message: printMessage, note: progress.note, endProgress: progress.end };
  if (json) {
    return {
      ...common,
      format: 'json',
      lines: () => undefined,
      table: () => undefined,
      event: (event) => printMessage({ typeName: 'prunecast.v1.JobEvent', codec: JobEventMessage, message: event }),
    };
  }
  return {
    ...common,
    format: 'text',
    lines: (...lines) => lines.forEach(write),
    table: (heading, rows) => formatTable(heading, rows).forEach(write),
    event: (event, resumeCommand) => showEvent(progress, event, resumeCommand),
  };
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}

function writeJson(value: unknown): void {
  write(JSON.stringify(value));
}
