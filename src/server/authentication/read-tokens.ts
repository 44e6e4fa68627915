import { parse } from 'yaml';
import { z } from 'zod';
import { describeIssue } from '../config/describe-issue.js';

const TOKENS_SCHEMA = z.strictObject({
  tokens: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[\w.@-]{1,64}$/, 'has 1 to 64 letters, digits, or characters of . _ @ -'),
        scopes: z.array(z.enum(['read', 'run', 'admin'])).min(1),
        sha256: z.string().regex(/^[\da-f]{64}$/i, 'is not the SHA-256 of a token, 64 hexadecimal digits'),
      }),
    )
    .max(10_000)
    .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length, 'has a name twice'),
});

/** One entry of the file of tokens. */
export type StoredToken = z.output<typeof TOKENS_SCHEMA>['tokens'][number];

/**
 * Reads a file of tokens, YAML or JSON. Throws an Error that names each entry at fault, without its contents.
 *
 * @example
 * tokens:
 *   - name: worker
 *     scopes: [run]
 *     sha256: 5e88…
 */
export function readTokens(text: string): StoredToken[] {
  const parsed = TOKENS_SCHEMA.safeParse(parseYaml(text), { reportInput: true });
  if (parsed.success) return parsed.data.tokens;
  throw new Error(
    parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${describeIssue(issue)}`).join('; '),
  );
}

/** Errors of the parser repeat lines of the file, which may be secrets. */
function parseYaml(text: string): unknown {
  try {
    return parse(text, { prettyErrors: false });
  } catch {
    throw new Error('file: is neither YAML nor JSON');
  }
}
