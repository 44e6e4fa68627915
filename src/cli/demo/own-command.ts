import { basename, dirname, relative } from 'node:path';
import { quoteWord } from '../../flags/quote-word.js';

/** How this process was started, so that a printed command works as it is: `prunecast`, `npx prunecast` or `node FILE`. */
export function ownCommand(script = process.argv[1] ?? 'prunecast', folder = process.cwd()): string {
  if (basename(script) !== 'prunecast') {
    const near = relative(folder, script);
    return `node ${quoteWord(near.startsWith('..') ? script : near)}`;
  }
  return basename(dirname(script)) === '.bin' ? 'npx prunecast' : 'prunecast';
}
