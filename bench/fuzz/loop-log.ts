import { readFileSync } from 'node:fs';

/** Names the file that a watched server writes its pauses to. */
export const LOOP_LOG_VARIABLE = 'PRUNECAST_FUZZ_LOOP_LOG';

/** A time in which the event loop of a server was held. */
export interface LoopPause {
  /** When it ended, in milliseconds since 1970. */
  readonly endMs: number;
  readonly pauseMs: number;
}

/** The pauses of a server so far. */
export function readPauses(file: string): readonly LoopPause[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LoopPause);
}
