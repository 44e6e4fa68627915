import { describe, expect, it } from 'vitest';
import { PLUGIN_KINDS } from '../../src/core/ports/plugin.js';
import { BUILTIN_PLUGINS } from '../../src/plugins/builtin/list.js';
import { listChecks, type PluginConformance } from '../../src/plugins/testing/list-checks.js';

/** What the kits need to know of plug-ins that do not run without. */
const SETTINGS: Readonly<Record<string, PluginConformance>> = {
  mmlu: {
    rows: [
      { name: 'dev/anatomy_dev.csv', rows: listQuestions(5) },
      { name: 'test/anatomy_test.csv', rows: listQuestions(12) },
    ],
  },
  'multiple-choice': {
    options: { prompt: '{0}', choices: [1, 2, 3, 4], answer: 5 },
    rows: [{ name: 'questions.csv', rows: listQuestions(12) }],
  },
};

/** Predictors are tried in threads and processes, as they run: predictors/predictors.test.ts. */
const TRIED = BUILTIN_PLUGINS.map(({ plugin }) => plugin).filter(
  (plugin) => plugin.kind !== 'predictor' || 'compare' in plugin,
);

describe.each(TRIED.map((plugin) => ({ kind: plugin.kind, id: plugin.id, plugin })))('$kind $id', ({ plugin }) => {
  it.each(listChecks(plugin, SETTINGS[plugin.id]))('$name', async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

it('the kits of all kinds are tried', () => {
  expect([...new Set(TRIED.map(({ kind }) => kind))].toSorted()).toEqual([...PLUGIN_KINDS].toSorted());
});

/** Rows of a question, four choices and a letter. */
function listQuestions(count: number) {
  return Array.from({ length: count }, (_, index) => ({
    line: index + 1,
    values: [`What is ${index} and ${index}?`, String(2 * index), 'a fish', 'nothing', 'the moon', 'A'],
  }));
}
