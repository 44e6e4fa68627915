import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Control, Effort, type DeepPartial, type SearchRequest } from '../../client/index.js';
import { PACKAGE_ROOT } from '../proto/package-root.js';

/** The folder of the models that are part of the package. */
export const MODELS = fileURLToPath(new URL('models/', PACKAGE_ROOT));

export const DEMO_MODEL = 'stories260k';
export const REMOVED_SHARE = 0.2;

/** Of all texts of the demo. */
export const WINDOWS = { window: 128, bos: true };

/** The stories that come with the model. */
export async function readStories(): Promise<string[]> {
  return JSON.parse(await readFile(join(MODELS, DEMO_MODEL, 'stories.json'), 'utf8')) as string[];
}

/** Each story has only one purpose: the reported numbers come from stories that no choice has seen. */
export function splitStories(
  stories: readonly string[],
): Record<'calibration' | 'search' | 'verify' | 'report', string> {
  const join = (from: number, to: number): string =>
    stories.slice(from * stories.length, to * stories.length).join('\n\n');
  return { calibration: join(0, 0.4), search: join(0.4, 0.6), verify: join(0.6, 0.8), report: join(0.8, 1) };
}

/**
 * The search of the demo: a fifth of the parameters less, quick but for twice the pairs and more finalists, which such a
 * small model can afford. One rate everywhere, the best uniform shape and chance are the strongest controls here, or the
 * simplest.
 */
export function demoRequest(texts: ReturnType<typeof splitStories>, output: string): DeepPartial<SearchRequest> {
  return {
    model: DEMO_MODEL,
    budgets: [{ limit: { $case: 'removedShare', value: REMOVED_SHARE } }],
    space: { protectedLayers: { layers: [] } },
    texts: {
      calibration: inlineText(texts.calibration),
      search: inlineText(texts.search),
      verify: inlineText(texts.verify),
      report: inlineText(texts.report),
    },
    windows: WINDOWS,
    effort: Effort.QUICK,
    pairs: { count: 96 },
    verify: { count: 6 },
    report: {}, // all of it
    controls: [Control.UNIFORM_PAPER, Control.UNIFORM_BEST, Control.RANDOM],
    output,
  };
}

export function inlineText(value: string): { source: { $case: 'inline'; value: string } } {
  return { source: { $case: 'inline', value } };
}
