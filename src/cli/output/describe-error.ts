import { CallError } from '../../client/index.js';

/** An error as lines for people: reason, message, each field at fault, facts, and what to do where the server said so. */
export function describeError(error: unknown): string[] {
  if (!(error instanceof CallError)) return [`prunecast: ${error instanceof Error ? error.message : String(error)}`];
  const { reason, code, message, violations, metadata, retryAfterMs } = error;
  // A message of one field repeats its violation.
  const others = violations.filter(({ field, description }) => !message.includes(`${field}: ${description}`));
  return [
    `prunecast: ${reason === '' ? code : reason}: ${message}`,
    ...others.map(({ field, description }) => `  ${field}: ${description}`),
    ...Object.entries(metadata).map(([name, value]) => `  ${name} = ${value}`),
    ...(retryAfterMs === undefined ? [] : [`  try again in ${Math.ceil(retryAfterMs / 1000)} s`]),
  ];
}

/** The same for programs. */
export function errorToJson(error: unknown): unknown {
  if (!(error instanceof CallError))
    return { error: { message: error instanceof Error ? error.message : String(error) } };
  const { reason, code, message, violations, metadata, retryAfterMs } = error;
  return {
    error: {
      code,
      reason,
      message,
      violations,
      metadata,
      ...(retryAfterMs !== undefined && { retry_after_ms: retryAfterMs }),
    },
  };
}
