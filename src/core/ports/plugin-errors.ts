import { ofSystem } from '../errors/of-system.js';
import { PrunecastError } from '../errors/prunecast-error.js';
import { REASONS, type Reason } from '../errors/reasons.js';
import type { PluginKind } from './plugin.js';

/** A call of a plug-in's method: what an error of it names. */
export interface PluginCall {
  readonly kind: PluginKind;
  readonly id: string;
  readonly method: string;
}

/**
 * PLUGIN_FAILED: the method threw, or did not come back. `cause` is an error, or a sentence. A lack of memory, threads
 * or files may not be the plug-in's fault: it keeps its own reason.
 */
export function pluginFailed({ kind, id, method }: PluginCall, cause: unknown): PrunecastError {
  const lack = ofSystem(cause);
  return new PrunecastError(
    lack?.reason ?? 'PLUGIN_FAILED',
    `${kind} "${id}" failed in ${method}(): ${lack?.message ?? describeThrown(cause)}`,
    {
      metadata: { kind, id, method },
      ...(lack?.retryAfterMs !== undefined && { retryAfterMs: lack.retryAfterMs }),
      cause,
    },
  );
}

function describeThrown(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  try {
    return String(thrown);
  } catch {
    return `it threw ${nameType(thrown)}`; // an object without a text
  }
}

/**
 * PLUGIN_INVALID: the method answered what its port does not allow. `fault` begins with a verb: `gave 3 scores for 4
 * units`.
 */
export function pluginInvalid({ kind, id, method }: PluginCall, fault: string): PrunecastError {
  return new PrunecastError('PLUGIN_INVALID', `${kind} "${id}": ${method}() ${fault}`, {
    metadata: { kind, id, method },
  });
}

/**
 * What a caller is told about an error that a plug-in threw. A PrunecastError is the plug-in's own answer and stays, as
 * does one of another copy of this package. Everything else is PLUGIN_FAILED.
 */
export function toPluginError(error: unknown, call: PluginCall): PrunecastError {
  if (error instanceof PrunecastError) return error;
  return isForeign(error)
    ? new PrunecastError(error.reason, error.message, {
        metadata: error.metadata ?? {},
        violations: error.violations ?? [],
        cause: error,
      })
    : pluginFailed(call, error);
}

/** What a value is, for messages: `a value of Array`. */
export function nameType(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== 'object') return `a value of ${typeof value}`;
  return `a value of ${value.constructor?.name ?? 'no class'}`;
}

/** A plug-in package may have its own copy of this one, with another class of the same name. */
function isForeign(
  error: unknown,
): error is Error & { readonly reason: Reason } & Partial<Pick<PrunecastError, 'metadata' | 'violations'>> {
  return (
    error instanceof Error && error.name === 'PrunecastError' && 'reason' in error && String(error.reason) in REASONS
  );
}
