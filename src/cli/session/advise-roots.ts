import { basename, join } from 'node:path';
import type { Greeting, Roots } from '../../state-folder/greeting.js';
import type { NextCommand } from '../output/next-command.js';
import { RequestError } from '../output/request-error.js';
import { lastValue, nameUnused, replaceValue } from './next-commands.js';

const UNDER_ROOTS: ReadonlySet<string> = new Set(['MODEL_NOT_FOUND', 'TEXT_NOT_FOUND', 'PATH_OUTSIDE_ROOTS']);

/**
 * An error about a path that the `serve` of the state folder does not have under its roots, with these roots, and the
 * command line that works: the output under the root for outputs, or all at a server of the command's own. Other errors
 * as they are.
 *
 * @param argv the command line, without the program
 */
export function adviseRoots(error: unknown, { processId, roots }: Greeting, argv: readonly string[]): unknown {
  if (!(error instanceof RequestError) || !UNDER_ROOTS.has(error.failure.reason) || roots === undefined) return error;
  const output = lastValue(argv, '--output');
  const isOutput = error.violations.some(({ flag }) => flag === '--output');
  const message = `${error.message}. Your state folder is used by \`prunecast serve\` (process ${processId}), which ${describeRoots(roots)}, and nowhere else: name a path there, start it with another root, or let the command have a server of its own in another state folder`;
  const next: NextCommand[] = [
    ...(isOutput && output !== undefined
      ? [
          {
            why: 'to write it where that server may',
            words: replaceValue(argv, '--output', nameUnused(join(roots.output, basename(output)))),
          },
        ]
      : []),
    {
      why: 'to do it without that server, with jobs and labels of its own',
      words: replaceValue(argv, '--state-dir', nameUnused('prunecast-state')),
    },
  ];
  return new RequestError(message, error.failure, error.violations, next);
}

function describeRoots({ models, texts, output }: Roots): string {
  return `reads models under ${models.join(', ')} and texts under ${texts.join(', ')}, and writes under ${output}`;
}
