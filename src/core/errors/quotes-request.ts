import type { CanonicalCode } from './codes.js';

const QUOTING: ReadonlySet<string> = new Set<CanonicalCode>([
  'INVALID_ARGUMENT',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'OUT_OF_RANGE',
  'PERMISSION_DENIED',
  'UNIMPLEMENTED',
]);

/**
 * Whether the messages of errors of a code repeat what the caller has sent, which may be a text or a secret: they are
 * for the caller, and no log has them.
 *
 * @param code a canonical code by name
 */
export function quotesRequest(code: string): boolean {
  return QUOTING.has(code);
}

/** A field of the API whose entries callers name themselves, and what follows it in a path. */
const OWN_NAMES = /((?:^|\.)(?:labels|manifest|metrics|options|standard_errors))\b.*$/s;

/** The path of a field up to the first name that is the caller's own: `predictor.options` for `predictor.options.depth`. */
export function withoutOwnNames(field: string): string {
  return field.replace(OWN_NAMES, '$1');
}
