import { PrunecastError } from '../../../core/errors/prunecast-error.js';
import type { Identity, Scope } from '../../../core/ports/authenticator.js';

/** What methods need. */
export interface ScopeRules {
  scopeOf(method: string): Scope | 'none';
  allows(scopes: readonly Scope[], needed: Scope | 'none'): boolean;
}

/** Throws SCOPE_MISSING if the scopes of the caller are not enough for a method; one without scopes may call all. */
export function requireScope({ name, scopes }: Identity, method: string, { scopeOf, allows }: ScopeRules): void {
  const needed = scopeOf(method);
  if (scopes === undefined || allows(scopes, needed)) return;
  throw new PrunecastError(
    'SCOPE_MISSING',
    `${method} needs the scope ${needed}, and "${name}" has ${scopes.join(', ') || 'none'}: use another token, or ask the operator of the server`,
    { metadata: { method, scope: needed, scopes: scopes.join(',') } },
  );
}
