import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The compiled entry of the server: a process of its own cannot run the sources that a test runs from. */
export const SERVER_MAIN = findMain();

function findMain(): string {
  const beside = fileURLToPath(new URL('../server/main.js', import.meta.url));
  return existsSync(beside) ? beside : fileURLToPath(new URL('../../dist/src/server/main.js', import.meta.url));
}
