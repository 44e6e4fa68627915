import { InvalidArgumentError } from 'commander';
import type { Json, JsonObject, RequestFlag } from './request-flag.js';
import { parseAmount, parseCount, parseEnum, parseShare, writeShare } from './values.js';

/**
 * Flags that limit the pruned model. Each may be repeated, and all budgets must be met.
 *
 * @param field path of the list of budgets in the request
 */
export function budgetFlags(field: string): RequestFlag[] {
  return [
    {
      flags: '--remove <[KIND=]SHARE>',
      summary: `remove at least this share: 20% (of the parameters), kv-cache-bytes-per-token=50%; kinds: ${KINDS.join(', ')}`,
      field: `${field}[]`,
      repeats: true,
      proposes: { from: 'names', names: KINDS.map((kind) => `${kind}=`) },
      parse: (text) => parseBudget(text, (limit) => ({ removed_share: parseShare(limit) })),
      write: (budget) => writeBudget(budget as JsonObject, 'removed_share'),
    },
    {
      flags: '--at-most <[KIND=]NUMBER>',
      summary: 'keep at most this: 100M (parameters), weight-bytes=200M',
      field: `${field}[]`,
      repeats: true,
      proposes: { from: 'names', names: KINDS.map((kind) => `${kind}=`) },
      parse: (text) => parseBudget(text, (limit) => ({ at_most: parseAmount(limit) })),
      write: (budget) => writeBudget(budget as JsonObject, 'at_most'),
    },
    {
      flags: '--bytes-per-number <COUNT>',
      summary: 'bytes per number in the budgets weight-bytes and kv-cache-bytes-per-token',
      field: `${field}[].bytes_per_number`,
      parse: parseCount,
      fill: (request, given) => setWidth(field, listBudgets(request, field), given.at(-1)?.value ?? null),
      take: (request) => takeWidth(listBudgets(request, field)),
    },
  ];
}

const KINDS = ['parameters', 'weight-bytes', 'kv-cache-bytes-per-token', 'flops-per-token', 'latency-ms'] as const;
const KINDS_IN_BYTES = new Set<Json>(['BUDGET_KIND_WEIGHT_BYTES', 'BUDGET_KIND_KV_CACHE_BYTES_PER_TOKEN']);

/** A budget of the parameters unless a kind is named before an `=`. */
function parseBudget(text: string, parseLimit: (limit: string) => JsonObject): JsonObject {
  const at = text.indexOf('=');
  if (at < 0) return { kind: 'BUDGET_KIND_PARAMETERS', ...parseLimit(text) };
  return { kind: parseEnum('BUDGET_KIND', KINDS)(text.slice(0, at)), ...parseLimit(text.slice(at + 1)) };
}

/** The inverse: a budget that has the limit and nothing else besides its kind. */
function writeBudget({ kind = 'BUDGET_KIND_PARAMETERS', ...rest }: JsonObject, limit: string): string | undefined {
  const name = KINDS.find((known) => parseEnum('BUDGET_KIND', KINDS)(known) === kind);
  if (name === undefined || Object.keys(rest).join() !== limit) return undefined;
  const number = limit === 'removed_share' ? writeShare(Number(rest[limit])) : String(rest[limit]);
  return name === 'parameters' ? number : `${name}=${number}`;
}

function listBudgets(request: JsonObject, field: string): JsonObject[] {
  const list = field.split('.').reduce<Json | undefined>((message, name) => (message as JsonObject)?.[name], request);
  return (list ?? []) as JsonObject[];
}

function setWidth(field: string, budgets: readonly JsonObject[], width: Json): string[] {
  const counting = budgets.flatMap((budget, index) =>
    KINDS_IN_BYTES.has(budget['kind'] ?? null) ? [{ budget, path: `${field}[${index}].bytes_per_number` }] : [],
  );
  if (counting.length === 0)
    throw new InvalidArgumentError(
      '--bytes-per-number needs a budget in weight-bytes or kv-cache-bytes-per-token: add one.',
    );
  for (const { budget } of counting) budget['bytes_per_number'] = width;
  return counting.map(({ path }) => path);
}

/** The one width of all budgets in bytes, taken out of them; none if they differ. */
function takeWidth(budgets: readonly JsonObject[]): string | undefined {
  const counting = budgets.filter(({ kind }) => KINDS_IN_BYTES.has(kind ?? null));
  const [width, ...others] = new Set(counting.map((budget) => budget['bytes_per_number']));
  if (width === undefined || others.length > 0) return undefined;
  for (const budget of counting) delete budget['bytes_per_number'];
  return String(width);
}
