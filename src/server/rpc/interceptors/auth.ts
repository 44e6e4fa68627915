import type { Authenticator } from '../../../core/ports/authenticator.js';
import type { Interceptor } from './interceptor.js';
import { requireScope, type ScopeRules } from './scopes.js';

/** Names the caller, and refuses the calls that the authenticator refuses or the caller has no scope for; their handlers see nothing of them. */
export function createAuth(authenticator: Authenticator, rules: ScopeRules): Interceptor {
  return async (context, next) => {
    const identity = await authenticator.check(context);
    if (identity) {
      context.identify(identity);
      requireScope(identity, context.method, rules);
    }
    return next();
  };
}
