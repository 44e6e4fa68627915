import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { listChildren } from './children.js';
import { startServerChild } from './server-child.js';

/**
 * Starts the built server with a plug-in that it launches, and kills it. Returns which of the processes that it had started
 * run on after `graceMs`. Linux only.
 */
export async function listLeftBehind(folder: string, specifier: string, graceMs = 20_000): Promise<number[]> {
  const server = await startServerChild(folder, { environment: { PRUNECAST_PLUGINS: specifier } });
  const launched = listDescendants(server.processId);
  expect(launched.length).toBeGreaterThan(0);
  expect(launched.filter(runs)).toEqual(launched);
  await server.signal('SIGKILL');
  const giveUpAt = performance.now() + graceMs;
  while (launched.some(runs) && performance.now() < giveUpAt) await pause(50);
  return launched.filter(runs);
}

function listDescendants(parent: number): number[] {
  return listChildren(parent).flatMap((child) => [child, ...listDescendants(child)]);
}

/** A zombie has ended. */
function runs(pid: number): boolean {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && !/\) [ZX] /.test(readFileSync(file, 'utf8'));
}
