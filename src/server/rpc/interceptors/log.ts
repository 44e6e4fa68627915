import type { Level, Logger } from 'pino';
import type { Reason } from '../../../core/errors/reasons.js';
import { quotesRequest, withoutOwnNames } from '../../../core/errors/quotes-request.js';
import { nameCode, readErrorInfo, readViolations } from '../../errors/encode-status.js';
import type { Interceptor } from './interceptor.js';

/** Faults of the server, or of the machine under it. */
const FAULTS: ReadonlySet<string> = new Set<Reason>(['INTERNAL', 'STATE_DAMAGED', 'STATE_UNAVAILABLE', 'STORAGE_FULL']);

/** What ends any number of calls alike, with nothing to be learnt from each: they are counted. */
const COMMON: ReadonlySet<string> = new Set<Reason>(['CANCELLED', 'OVERLOADED', 'SERVER_STARTING', 'SERVER_STOPPING']);

/**
 * One line for each call when it has ended. Calls that change something, and those that are refused, are told at level
 * info; those that look or compute, at debug; faults of the server, at warn: `error_id` leads to the line with the
 * cause. Why a call was refused is told by its reason and the fields at fault, never by what the caller has sent.
 *
 * @param server asked first, since a line costs more than most calls
 * @param changes whether a method changes something
 */
export function createLog(server: Logger, changes: (method: string) => boolean): Interceptor {
  return async (context, next) => {
    const startMs = performance.now();
    const end = await next();
    const info = end && readErrorInfo(end);
    const level = end === undefined ? (changes(context.method) ? 'info' : 'debug') : levelOf(info?.reason ?? '');
    if (!server.isLevelEnabled(level)) return end;
    const code = nameCode(end?.code ?? 0);
    const metadata = quotesRequest(code) ? {} : (info?.metadata ?? {});
    const jobId = context.jobId ?? metadata['job_id'];
    const fields = end === undefined ? [] : readViolations(end).map(({ field }) => withoutOwnNames(field));
    server[level](
      {
        ...context.describe(),
        caller: context.caller,
        peer: context.peer,
        code,
        ms: Math.round((performance.now() - startMs) * 1000) / 1000,
        ...(jobId !== undefined && { job_id: jobId }),
        ...(info && { reason: info.reason }),
        ...(fields.length > 0 && { fields }),
        ...(metadata['error_id'] !== undefined && { error_id: metadata['error_id'] }),
        ...(end && !quotesRequest(code) && { message: end.message }),
      },
      'call',
    );
    return end;
  };
}

function levelOf(reason: string): Level {
  if (FAULTS.has(reason)) return 'warn';
  return COMMON.has(reason) ? 'debug' : 'info';
}
