import type { Logger } from 'pino';
import { CODE_NUMBERS, nameCode, readErrorInfo } from '../../errors/encode-status.js';
import type { Interceptor } from './interceptor.js';

/**
 * One line for each call: at level debug, but a warning if the server is at fault; `error_id` leads to the line with
 * the cause.
 *
 * @param server asked first, since a call makes its own log only when it has something to say
 */
export function createLog(server: Logger): Interceptor {
  return async (context, next) => {
    const startMs = performance.now();
    const end = await next();
    const level = end?.code === CODE_NUMBERS.INTERNAL ? 'warn' : 'debug';
    if (!server.isLevelEnabled(level)) return end;
    const info = end && readErrorInfo(end);
    context.log[level](
      {
        peer: context.peer,
        code: nameCode(end?.code ?? 0),
        ms: Math.round((performance.now() - startMs) * 1000) / 1000,
        ...(info && { reason: info.reason }),
        ...(info?.metadata['error_id'] !== undefined && { error_id: info.metadata['error_id'] }),
        ...(end && { message: end.message }),
      },
      'call',
    );
    return end;
  };
}
