import type { Command } from 'commander';
import { BudgetKind, type Budget, type DeepPartial } from '../../client/index.js';
import { collect, parseAmount, parseChoice, parseShare } from './values.js';

export interface BudgetFlags {
  readonly remove?: readonly DeepPartial<Budget>[];
  readonly atMost?: readonly DeepPartial<Budget>[];
}

/** Flags that limit the pruned model; each may be repeated, and all budgets must be met. */
export function addBudgetFlags(command: Command): Command {
  const kinds = Object.keys(KINDS).join(', ');
  return command
    .option('--remove <[KIND=]SHARE>', `share that is to go at least: 20% (of the parameters), kv-cache-bytes-per-token=50%; kinds: ${kinds}`, collect(parseRemove))
    .option('--at-most <[KIND=]NUMBER>', 'most that may stay: 100M (parameters), weight-bytes=200M', collect(parseAtMost));
}

/** All budgets that were given. */
export function readBudgets({ remove = [], atMost = [] }: BudgetFlags): DeepPartial<Budget>[] {
  return [...remove, ...atMost];
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
  return at < 0 ? { kind: BudgetKind.PARAMETERS, limit: value } : { kind: parseChoice(KINDS)(value.slice(0, at)), limit: value.slice(at + 1) };
}
