import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';

/* Compiles the client and what it imports from the sources of the server's package. */

const here = import.meta.dirname;
const root = resolve(here, '../..');

rmSync(resolve(here, 'dist'), { recursive: true, force: true });
execFileSync(process.execPath, [resolve(root, 'node_modules/typescript/bin/tsc'), '-p', here], { stdio: 'inherit' });
copyFileSync(resolve(root, 'LICENSE'), resolve(here, 'LICENSE'));
