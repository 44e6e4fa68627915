import type { StudyOverview } from '../../gen/prunecast/v1/study.js';
import type { Section } from '../form/report.js';

/** How to do the same again. */
export function writeCommands({ study, commands }: StudyOverview): Section | undefined {
  if (commands.length === 0) return undefined;
  return {
    id: 'reproduce',
    title: 'How to reproduce it',
    note: `With the same checkpoint, texts and versions of plug-ins a study comes to the same numbers, bit for bit, on the same machine. Paths are relative to a folder of the server, or as the request named them.${study?.report?.output ? ' The winner is not written again.' : ''}`,
    figures: [{ commands }],
  };
}
