import type { z } from 'zod';
import { didYouMean } from '../../core/errors/nearest.js';

type Issue = z.core.$ZodIssue;

/**
 * What is wrong with a value, for operators, in words that follow its name: `is not a whole number`. The value itself is
 * not in them: it may be a secret.
 */
export function describeIssue(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === null || issue.input === undefined ? 'has no value' : `is not ${nameType(issue)}`;
    case 'invalid_value':
      return `is not one of ${issue.values.map(String).join(', ')}${suggest(issue.input, issue.values)}`;
    case 'too_small':
      return isCounted(issue.origin)
        ? `has fewer than ${issue.minimum} ${COUNTED[issue.origin]}`
        : `is less than ${issue.minimum}, the least that is allowed`;
    case 'too_big':
      return isCounted(issue.origin)
        ? `has more than ${issue.maximum} ${COUNTED[issue.origin]}`
        : `is more than ${issue.maximum}, the most that is allowed`;
    case 'unrecognized_keys':
      return `has a key that there is not: ${issue.keys.join(', ')}`;
    default:
      return issue.message;
  }
}

function nameType({ expected, input }: Extract<Issue, { readonly code: 'invalid_type' }>): string {
  switch (expected) {
    case 'int':
    case 'number':
      return 'a whole number';
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list, such as [a, b]';
    case 'string':
      return typeof input === 'number' || typeof input === 'boolean' ? 'text: put it in quotes' : 'text';
    default:
      return expected;
  }
}

const COUNTED = { string: 'characters', array: 'entries' } as const;

function isCounted(origin: string): origin is keyof typeof COUNTED {
  return Object.hasOwn(COUNTED, origin);
}

function suggest(input: unknown, values: readonly unknown[]): string {
  return typeof input === 'string' ? didYouMean(input, values.map(String)) : '';
}
