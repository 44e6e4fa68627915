import { quoteWord } from '../../flags/quote-word.js';

/** A command line of these words, each quoted where a POSIX shell needs it. */
export function writeCommandLine(words: readonly string[]): string {
  return words.map(quoteWord).join(' ');
}
