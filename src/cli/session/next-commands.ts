import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { ConnectionFault } from '../../client/connection-fault.js';
import { CallError } from '../../client/index.js';
import { ACCESS_FLAGS, nameFlag, type AccessFlag } from '../options/access-flags.js';
import type { ServerFlags } from '../options/server.js';
import type { NextCommand } from '../output/next-command.js';
import { RequestError } from '../output/request-error.js';
import type { FieldSource } from './field-names.js';
import { LostServer } from './lost-server.js';

/** Stands for a text of the user's own, in a command that needs one. */
export const TEXT_TO_NAME = 'TEXT.txt';

/** The words that make a command call the same server, or one with the same state and plug-ins. */
export function serverWords(flags: Pick<ServerFlags, AccessFlag['key'] | 'stateDir' | 'plugin'>): string[] {
  const { stateDir, plugin = [] } = flags;
  return [
    ...ACCESS_FLAGS.flatMap((flag) => {
      const value = flags[flag.key];
      return value === undefined ? [] : value === true ? [nameFlag(flag)] : [nameFlag(flag), String(value)];
    }),
    ...(stateDir === undefined || flags.address !== undefined ? [] : ['--state-dir', stateDir]),
    ...(flags.address === undefined ? plugin.flatMap((specifier) => ['--plugin', specifier]) : []),
  ];
}

/** The flags that were given for fields below a message, as they were typed. */
export function repeatFlags(sources: readonly FieldSource[], ...messages: readonly string[]): string[] {
  return sources
    .filter(({ path, text }) => text !== undefined && messages.some((message) => path.startsWith(message)))
    .flatMap(({ flag, text = '' }) => (text === '' ? [flag] : [flag, text]));
}

/** What was typed for the first of these fields that was given; undefined if none was. */
export function typedFor(sources: readonly FieldSource[], ...fields: readonly string[]): string | undefined {
  return fields
    .map((field) => sources.find(({ path }) => path === field || path.startsWith(`${field}.`))?.text)
    .find((text) => text !== undefined);
}

/** A folder for the pruned model that does not exist yet: `llama-pruned`, `llama-pruned-2`. */
export function nameOutput(model: string): string {
  return nameUnused(`${basename(resolve(model))}-pruned`);
}

/** A name that nothing in the current folder has: `report.html`, `report-2.html`. */
export function nameUnused(name: string, ending = ''): string {
  for (let number = 1; ; number += 1) {
    const path = `${name}${number === 1 ? '' : `-${number}`}${ending}`;
    if (!existsSync(path)) return path;
  }
}

/** The same command line without some flags, and with others. */
export function repeatCommand(
  argv: readonly string[],
  { without = [], and = [] }: { readonly without?: readonly string[]; readonly and?: readonly string[] } = {},
): string[] {
  return [...argv.filter((word) => !without.includes(word)), ...and];
}

/** The same command line with another value of a flag, in place of all that were given. */
export function replaceValue(argv: readonly string[], flag: string, value: string): string[] {
  return [...withoutFlag(argv, flag), flag, value];
}

/** The same command line without a flag and its values. */
function withoutFlag(argv: readonly string[], flag: string): string[] {
  const isValue = (place: number): boolean => argv[place - 1] === flag;
  return argv.filter((word, place) => word !== flag && !word.startsWith(`${flag}=`) && !isValue(place));
}

/**
 * What helps after a failure, if a command does.
 *
 * @param argv the command line that failed, without the program
 */
export function afterFailure(error: unknown, argv: readonly string[]): readonly NextCommand[] {
  if (error instanceof RequestError && error.next.length > 0) return error.next;
  const failure = error instanceof RequestError ? error.failure : error;
  const server = serverWords(readServerFlags(argv));
  const kind = failure instanceof CallError ? (failure.metadata['kind'] ?? '') : '';
  const lists = kind === '' ? [] : ['plugins', '--kind', kind, ...server];
  if (!(failure instanceof CallError) || failure instanceof LostServer) return [];
  switch (failure.reason) {
    case 'OUTPUT_EXISTS':
      return [{ why: 'to replace the output', words: repeatCommand(argv, { and: ['--overwrite'] }) }];
    case 'PLUGIN_NOT_FOUND':
      return [{ why: `to see every ${kind}`, words: lists }];
    case 'INVALID_OPTIONS':
      return [{ why: `to see the options of every ${kind}`, words: [...lists, '--options'] }];
    case 'JOB_NOT_FOUND':
      return [{ why: 'to see the jobs there are', words: ['jobs', 'list', ...server] }];
    case 'STUDY_NOT_FOUND':
      return [{ why: 'to see the studies there are', words: ['studies', 'list', ...server] }];
    case 'PREDICTOR_NOT_FOUND':
      return [{ why: 'to see the predictors there are', words: ['predictors', 'list', ...server] }];
    case 'CANCELLED':
      return afterCancel(argv);
    case '':
      if (failure.code === 'CANCELLED' && isWatch(argv))
        return [{ why: 'the job goes on; to watch it again', words: repeatCommand(argv) }];
      return failure.code === 'UNAVAILABLE' && argv[0] !== 'doctor' && !(failure instanceof ConnectionFault)
        ? [{ why: 'to see what is wrong with the server', words: ['doctor', ...server] }]
        : [];
    default:
      return isCalibrationMissing(error, argv)
        ? [
            {
              why: `with ${namesManifest(argv) ? 'that text' : 'a text of yours'} as ${TEXT_TO_NAME}`,
              words: repeatCommand(argv, { and: ['--calibration', TEXT_TO_NAME] }),
            },
          ]
        : [];
  }
}

/**
 * Labels outlive a cancel; a pruned model that was not finished does not. A request id belongs to the job that is
 * cancelled now.
 */
function afterCancel(argv: readonly string[]): readonly NextCommand[] {
  if (isWatch(argv)) return [];
  const why =
    argv[0] === 'prune' ? 'nothing was written; to begin again' : 'what was measured is kept; to take it up again';
  return [{ why, words: repeatCommand(withoutFlag(argv, '--request-id')) }];
}

function isWatch([command, action]: readonly string[]): boolean {
  return command === 'jobs' && action === 'watch';
}

function isCalibrationMissing(error: unknown, argv: readonly string[]): boolean {
  const isAtFault = error instanceof RequestError && error.violations.some(({ flag }) => flag === '--calibration');
  return isAtFault && valuesOf(argv, '--calibration').length === 0;
}

/** Whether its weights are those of an an output: compensated on the text that its manifest tells of. */
function namesManifest(argv: readonly string[]): boolean {
  return ['--manifest', '--earlier-output'].some((flag) => valuesOf(argv, flag).length > 0);
}

/** The flags of a command line that name its server. */
function readServerFlags(argv: readonly string[]): ServerFlags {
  const access = ACCESS_FLAGS.map((flag) => {
    const name = nameFlag(flag);
    return [flag.key, flag.flags === name ? argv.includes(name) || undefined : lastValue(argv, name)] as const;
  });
  const stateDir = lastValue(argv, '--state-dir');
  return {
    ...(Object.fromEntries(access.filter(([, value]) => value !== undefined)) as ServerFlags),
    ...(stateDir !== undefined && { stateDir }),
    plugin: valuesOf(argv, '--plugin'),
  };
}

/** What a flag of a command line was given last; undefined if it is not there. */
export function lastValue(argv: readonly string[], flag: string): string | undefined {
  return valuesOf(argv, flag).at(-1);
}

/** What a flag was given, as `--flag value` or `--flag=value`. */
function valuesOf(argv: readonly string[], flag: string): string[] {
  return argv.flatMap((word, place) =>
    word === flag ? argv.slice(place + 1, place + 2) : word.startsWith(`${flag}=`) ? [word.slice(flag.length + 1)] : [],
  );
}
