import { encodeStatus } from '../../errors/encode-status.js';
import type { Interceptor } from './interceptor.js';

/** The one place where an error becomes a status with details. Nothing throws beyond it. */
export const errors: Interceptor = async (context, next) => {
  try {
    return await next();
  } catch (error) {
    return encodeStatus(error, context.log);
  }
};
