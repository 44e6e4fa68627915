import { pino } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { quotesRequest, withoutOwnNames } from '../../core/errors/quotes-request.js';

/**
 * How the log has an error: one line with its reason and the messages of it and of its causes. What a caller, the
 * network or the system did wrong has its stack only while `showsAll`, as it tells nothing of them; a fault of the server
 * always has one, which is all that is known of it. What repeats a request is left out, with the messages of its causes:
 * it may be a text or a secret.
 */
export function createErrorSerializer(showsAll: () => boolean): (error: unknown) => unknown {
  return (error) => {
    if (!(error instanceof Error)) return error;
    if (error instanceof PrunecastError && quotesRequest(error.code)) return withoutRequest(error, showsAll());
    const { stack, ...others } = pino.stdSerializers.err(error);
    return showsAll() || !isExpected(error) ? { ...others, stack } : others;
  };
}

/** An error with a reason of its own, or one of the system: `EADDRINUSE`. */
function isExpected(error: Error): boolean {
  return error instanceof PrunecastError || typeof (error as NodeJS.ErrnoException).code === 'string';
}

function withoutRequest(error: PrunecastError, showsAll: boolean): Readonly<Record<string, unknown>> {
  const { name: type, reason, violations, cause } = error;
  const frames = (error.stack ?? '').split('\n').filter((line) => /^ {4}at /.test(line));
  return {
    type,
    reason,
    ...(violations.length > 0 && { fields: violations.map(({ field }) => withoutOwnNames(field)) }),
    ...(cause instanceof Error && {
      cause: { type: cause.name, ...('code' in cause && typeof cause.code === 'string' && { code: cause.code }) },
    }),
    ...(showsAll && { stack: frames.join('\n') }),
  };
}
