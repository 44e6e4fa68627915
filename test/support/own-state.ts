import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';

/** Each test file has a state folder of its own: no command that it runs touches that of whoever runs the tests. */
const folder = mkdtempSync(join(tmpdir(), 'prunecast-state-'));
process.env['PRUNECAST_STATE_DIRECTORY'] = folder;
afterAll(() => rmSync(folder, { recursive: true, force: true }));
