import type { Command } from 'commander';

/** Whether any budget was given. */
export function hasBudget(command: Command): boolean {
  return ['remove', 'atMost'].some((name) => command.getOptionValue(name) !== undefined);
}
