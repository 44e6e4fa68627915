import type { Authenticator } from '../../../core/ports/authenticator.js';
import type { Interceptor } from './interceptor.js';

/** Names the caller, and refuses the calls that the authenticator refuses; their handlers see nothing of them. */
export function createAuth(authenticator: Authenticator): Interceptor {
  return async (context, next) => {
    const identity = await authenticator.check(context);
    if (identity) context.identify(identity);
    return next();
  };
}
