import type { Authenticator } from '../../../core/ports/authenticator.js';
import type { Interceptor } from './interceptor.js';

/** Refuses the calls that the authenticator refuses; their handlers see nothing of them. */
export function createAuth(authenticator: Authenticator): Interceptor {
  return async (context, next) => {
    await authenticator.check(context);
    return next();
  };
}
