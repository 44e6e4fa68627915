import { pino } from 'pino';
import { PrunecastError } from '../../core/errors/prunecast-error.js';

/**
 * How the log has an error: one line with its reason and the messages of it and of its causes. What a caller, the
 * network or the system did wrong has its stack only while `showsAll`, as it tells nothing of them; a fault of the server
 * always has one, which is all that is known of it.
 */
export function createErrorSerializer(showsAll: () => boolean): (error: unknown) => unknown {
  return (error) => {
    if (!(error instanceof Error)) return error;
    const { stack, ...others } = pino.stdSerializers.err(error);
    return showsAll() || !isExpected(error) ? { ...others, stack } : others;
  };
}

/** An error with a reason of its own, or one of the system: `EADDRINUSE`. */
function isExpected(error: Error): boolean {
  return error instanceof PrunecastError || typeof (error as NodeJS.ErrnoException).code === 'string';
}
