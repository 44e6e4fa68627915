import type { ConformanceCheck } from '../../../src/plugins/testing/conformance-check.js';

/** What fails of a kit, one line each: `<name of the check>: <error>`. */
export async function failuresOf(checks: readonly ConformanceCheck[]): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of checks) await run().catch((error: unknown) => failed.push(`${name}: ${String(error)}`));
  return failed;
}
