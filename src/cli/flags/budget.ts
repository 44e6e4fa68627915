import { InvalidArgumentError, type Command } from 'commander';
import { BudgetKind, type Budget, type DeepPartial } from '../../client/index.js';
import { collect, parseAmount, parseChoice, parseCount, parseShare } from './values.js';

export interface BudgetFlags {
  readonly remove?: readonly DeepPartial<Budget>[];
  readonly atMost?: readonly DeepPartial<Budget>[];
  readonly bytesPerNumber?: number;
}

/** Flags that limit the pruned model; each may be repeated, and all budgets must be met. */
export function addBudgetFlags(command: Command): Command {
  const kinds = Object.keys(KINDS).join(', ');
  return command
    .option(
      '--remove <[KIND=]SHARE>',
      `share that is to go at least: 20% (of the parameters), kv-cache-bytes-per-token=50%; kinds: ${kinds}`,
      collect(parseRemove),
    )
    .option(
      '--at-most <[KIND=]NUMBER>',
      'most that may stay: 100M (parameters), weight-bytes=200M',
      collect(parseAtMost),
    )
    .option(
      '--bytes-per-number <COUNT>',
      'how wide the numbers of weight-bytes and kv-cache-bytes-per-token are (default: weights as in the checkpoint, a cache 2)',
      parseCount,
    );
}

/** All budgets that were given. Throws InvalidArgumentError where the width of numbers is given and none counts bytes. */
export function readBudgets({ remove = [], atMost = [], bytesPerNumber }: BudgetFlags): DeepPartial<Budget>[] {
  const budgets = [...remove, ...atMost];
  if (bytesPerNumber === undefined) return budgets;
  if (!budgets.some(countsBytes))
    throw new InvalidArgumentError(
      '--bytes-per-number is of a budget in weight-bytes or kv-cache-bytes-per-token: give one.',
    );
  return budgets.map((budget) => (countsBytes(budget) ? { ...budget, bytesPerNumber } : budget));
}

function countsBytes({ kind }: DeepPartial<Budget>): boolean {
  return kind === BudgetKind.WEIGHT_BYTES || kind === BudgetKind.KV_CACHE_BYTES_PER_TOKEN;
}

const KINDS = {
  parameters: BudgetKind.PARAMETERS,
  'weight-bytes': BudgetKind.WEIGHT_BYTES,
  'kv-cache-bytes-per-token': BudgetKind.KV_CACHE_BYTES_PER_TOKEN,
  'flops-per-token': BudgetKind.FLOPS_PER_TOKEN,
  'latency-ms': BudgetKind.LATENCY_MS,
} as const;

function parseRemove(value: string): DeepPartial<Budget> {
  const { kind, limit } = splitKind(value);
  return { kind, limit: { $case: 'removedShare', value: parseShare(limit) } };
}

function parseAtMost(value: string): DeepPartial<Budget> {
  const { kind, limit } = splitKind(value);
  return { kind, limit: { $case: 'atMost', value: parseAmount(limit) } };
}

function splitKind(value: string): { readonly kind: BudgetKind; readonly limit: string } {
  const at = value.indexOf('=');
  return at < 0
    ? { kind: BudgetKind.PARAMETERS, limit: value }
    : { kind: parseChoice(KINDS)(value.slice(0, at)), limit: value.slice(at + 1) };
}
