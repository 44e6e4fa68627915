import { nameCode } from '../../errors/encode-status.js';
import type { Interceptor } from './interceptor.js';

/** The one place where calls are counted. A failure to count does not fail the call. */
export const metrics: Interceptor = async (context, next) => {
  const { method, telemetry } = context;
  const count = (tell: () => void): void => {
    try {
      tell();
    } catch (error) {
      context.log.error({ err: error }, 'a call was not counted');
    }
  };
  const startMs = performance.now();
  count(() => telemetry.callStarted(method));
  const end = await next();
  count(() => telemetry.callEnded(method, nameCode(end?.code ?? 0), performance.now() - startMs));
  return end;
};
