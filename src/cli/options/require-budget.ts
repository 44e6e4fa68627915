import { InvalidArgumentError, type Command } from 'commander';

/** What the short help shows first of commands that measure architectures around a budget. */
export const BUDGET_BASICS = ['--model', '--text', '--remove', '--at-most'] as const;

/** Whether any budget was given. */
export function hasBudget(command: Command): boolean {
  return ['remove', 'atMost'].some((name) => command.getOptionValue(name) !== undefined);
}

/** @throws InvalidArgumentError if none was given; `why` begins its sentence: "a search needs a budget" */
export function requireBudget(command: Command, why: string): void {
  if (!hasBudget(command)) throw new InvalidArgumentError(`${why}: --remove 20%, or --at-most 100M.`);
}
