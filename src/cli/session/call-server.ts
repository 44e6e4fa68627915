import type { Command } from 'commander';
import { CallError } from '../../client/index.js';
import type { Place } from '../../flags/request-flag.js';
import { requestOptions, type RequestType } from '../options/request-option.js';
import type { ServerFlags } from '../options/server.js';
import { createPrinter, type Printer } from '../output/printer.js';
import type { NextCommand } from '../output/next-command.js';
import { RequestError } from '../output/request-error.js';
import { findAccess } from './access.js';
import { createFieldNames, type FieldSource } from './field-names.js';
import { fillRequest } from './fill-request.js';
import { repeatCommand, serverWords } from './next-commands.js';
import type { GivenPaths } from './places.js';
import { requirePaths } from './require-paths.js';
import { writeCommandLine } from './shell-words.js';
import { useServer, type Session } from './use-server.js';

/** What a command has once its flags are read and a server answers. */
export interface Call<Request> extends Session {
  readonly request: Request;
  /** Which flag set which field. */
  readonly sources: readonly FieldSource[];
  /** Paths as the user typed them. */
  readonly paths: GivenPaths;
  readonly printer: Printer;
  /** A sentence of the server in the words of the command line. */
  readonly rename: (sentence: string) => string;
  /** Tells people what they may run next, at the same server. */
  readonly suggest: (...commands: readonly NextCommand[]) => void;
  /** Tells them the same command line, without some flags and with others. */
  readonly repeat: (why: string, change: Parameters<typeof repeatCommand>[1]) => void;
}

/**
 * Runs a command: makes its request from its flags, finds or starts the server, and tells errors of the server in
 * flags.
 *
 * @throws RequestError if the server refuses; InvalidArgumentError for a value that does not fit its field
 */
export async function callServer<Request>(
  command: Command,
  type: RequestType<Request>,
  use: (call: Call<Request>) => Promise<void>,
): Promise<void> {
  const flags = command.opts<ServerFlags>();
  const printer = createPrinter(flags);
  const paths = listPaths(command);
  if (findAccess(flags) === undefined) requirePaths(command);
  const suggest = (...commands: readonly NextCommand[]) =>
    printer.next(
      ...commands.map(({ why, words }) => ({
        why,
        line: writeCommandLine(['prunecast', ...words, ...serverWords(flags)]),
      })),
    );
  const repeat: Call<Request>['repeat'] = (why, change) =>
    printer.next({ why, line: writeCommandLine(['prunecast', ...repeatCommand(process.argv.slice(2), change)]) });
  await useServer(flags, async (session) => {
    const { request, sources } = fillRequest(command, type, session.places);
    try {
      const { rename } = createFieldNames(command, type.typeName, sources);
      await use({ ...session, request, sources, paths, printer, rename, suggest, repeat });
    } catch (error) {
      throw error instanceof CallError ? inFlags(error, command, type, sources) : error;
    }
  });
}

/** The paths that the flags of a command name. */
function listPaths(command: Command): GivenPaths {
  const at = (place: Place) =>
    requestOptions(command)
      .filter(({ flag }) => flag.place === place)
      .flatMap((option) => option.givenTo(command).map(({ text }) => text));
  const [model] = at('model');
  const [output] = at('output');
  return { texts: at('text'), ...(model !== undefined && { model }), ...(output !== undefined && { output }) };
}

function inFlags(
  failure: CallError,
  command: Command,
  { typeName }: RequestType<unknown>,
  sources: readonly FieldSource[],
): RequestError {
  const names = createFieldNames(command, typeName, sources);
  const violations = failure.violations.map(({ field, description }) => ({
    field,
    flag: names.nameOf(field),
    description: names.rename(description),
  }));
  return new RequestError(names.rename(failure.message), failure, violations);
}
