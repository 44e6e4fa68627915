import { delimiter } from 'node:path';

/** Folders or addresses as the server reads them from one variable: a JSON array, as names may hold any separator. */
export function writeList(values: readonly string[]): string {
  return JSON.stringify(values);
}

/** Folders of a variable in either form that the server reads: a JSON array, or separated as in PATH. */
export function readList(value: string): string[] {
  if (!value.trim().startsWith('["')) return value.split(delimiter).filter((folder) => folder !== '');
  const parsed: unknown = JSON.parse(value);
  if (Array.isArray(parsed) && parsed.every((folder) => typeof folder === 'string')) return parsed;
  throw new SyntaxError(`${value} is no JSON array of strings`);
}
