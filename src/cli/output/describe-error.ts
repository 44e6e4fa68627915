import { CommanderError } from 'commander';
import { CallError } from '../../client/index.js';
import type { Colors } from './color.js';
import { CommandFailure } from './command-failure.js';
import { RequestError, type FlagViolation } from './request-error.js';

/** An error as lines for people: reason, message, each flag or field at fault, facts, and when to try again. */
export function describeError(error: unknown, { bold, red }: Pick<Colors, 'bold' | 'red'>): string[] {
  const { code, reason, message, violations, metadata, retryAfterMs } = readError(error);
  const title = reason === USAGE ? undefined : reason === '' ? code : reason;
  // A message about one field repeats its violation, which may have been cut.
  const others = violations.filter(
    (violation) =>
      violation.description !== message &&
      !message.includes(`${nameOf(violation)}: ${violation.description.replace(/…$/, '')}`),
  );
  return [
    `${red('prunecast:')} ${title === undefined ? '' : `${bold(title)}: `}${message}`,
    ...others.map((violation) => `  ${nameOf(violation)}: ${violation.description}`),
    ...Object.entries(metadata).map(([name, value]) => `  ${name} = ${value}`),
    ...(retryAfterMs === undefined ? [] : [`  try again in ${Math.ceil(retryAfterMs / 1000)} s`]),
  ];
}

/** The same for programs, with the exit code of the command. */
export function errorToJson(error: unknown, exitCode: number): unknown {
  const { code = 'UNKNOWN', reason, message, violations, metadata, retryAfterMs } = readError(error);
  return {
    error: {
      code,
      reason,
      message,
      violations,
      metadata,
      exit_code: exitCode,
      ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
    },
  };
}

/** The reason of a command line that does not parse; no server has seen it. */
const USAGE = 'USAGE';

interface ErrorParts {
  /** Undefined for a fault of this process. */
  readonly code: string | undefined;
  readonly reason: string;
  readonly message: string;
  readonly violations: readonly FlagViolation[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly retryAfterMs: number | undefined;
}

function readError(error: unknown): ErrorParts {
  const none = { violations: [], metadata: {}, retryAfterMs: undefined };
  if (error instanceof RequestError) {
    const { code, reason, metadata, retryAfterMs } = error.failure;
    return { code, reason, message: error.message, violations: error.violations, metadata, retryAfterMs };
  }
  if (error instanceof CallError) {
    const { code, reason, message, metadata, retryAfterMs } = error;
    const violations = error.violations.map(({ field, description }) => ({ field, flag: undefined, description }));
    return { code, reason, message, violations, metadata, retryAfterMs };
  }
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof CommanderError) return { ...none, ...readUsage(message.replace(/^error: /, '')) };
  if (error instanceof CommandFailure && error.details !== undefined) return { ...none, ...error.details, message };
  return { ...none, code: undefined, reason: '', message };
}

/** Commander names the flag at fault in its message. */
function readUsage(message: string): Pick<ErrorParts, 'code' | 'reason' | 'message' | 'violations'> {
  const [flag] = /--[a-z][a-z-]*/.exec(message) ?? [];
  const violations = flag === undefined ? [] : [{ field: '', flag, description: message }];
  return { code: 'INVALID_ARGUMENT', reason: USAGE, message, violations };
}

function nameOf({ flag, field }: FlagViolation): string {
  return flag ?? field;
}
