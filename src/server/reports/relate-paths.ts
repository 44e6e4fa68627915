import { basename, parse } from 'node:path';
import type { StudyOverview } from '../../gen/prunecast/v1/study.js';

/**
 * The overview with paths relative to the innermost root that they lie under, for a document that others may read: the
 * command line names models and texts by absolute paths, which say nothing on another machine. What lies under none
 * stays absolute.
 *
 * @param roots absolute; that of the whole file system is none
 */
export function relatePaths(overview: StudyOverview, roots: readonly string[]): StudyOverview {
  const relate = createRelate(roots);
  const { study, settings, commands } = overview;
  return {
    ...overview,
    study: study && { ...study, model: relate(study.model) },
    settings: settings.map(({ name, value }) => ({ name, value: relate(value) })),
    commands: commands.map(relate),
  };
}

function createRelate(roots: readonly string[]): (text: string) => string {
  const inmost = [...new Set(roots)]
    .filter((root) => root !== parse(root).root)
    .toSorted((a, b) => b.length - a.length);
  return (text) =>
    inmost.reduce(
      (rest, root) =>
        rest
          .replaceAll(new RegExp(`${START}${escapeRegExp(root)}/`, 'g'), '')
          .replaceAll(new RegExp(`${START}${escapeRegExp(root)}(?=$|["'\\s])`, 'g'), basename(root)),
      text,
    );
}

/** Where a path begins: not within another one. */
const START = '(?<![\\w./-])';

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
