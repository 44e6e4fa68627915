import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The files that take longest, the longest first: each 13 s of processor time or more, or much waiting. */
export const SLOW_FILES: readonly string[] = [
  'test/server/verbs/default-search.test.ts',
  'test/server/verbs/search-recovery.test.ts',
  'test/interop/examples.test.ts',
  'test/interop/python-package.test.ts',
  'test/package/installed-package.test.ts',
  'test/server/verbs/kill.test.ts',
  'test/interop/field-cases.test.ts',
  'test/cli/next-commands.test.ts',
  'test/server/verbs/remote-plugins.test.ts',
  'test/engine/forward/shared-prefixes.test.ts',
  'test/server/verbs/recovery.test.ts',
  'test/server/verbs/search.test.ts',
  'test/server/studies/changed-plan.test.ts',
  'test/server/verbs/predictors.test.ts',
  'test/cli/shared-state.test.ts',
  'test/interop/example-predictor.test.ts',
  'test/plugins/predictors/predictors.test.ts',
  'test/server/verbs/durability.test.ts',
  'test/server/verbs/interrupted-exports.test.ts',
  'test/dashboard/page.test.ts',
  'test/cli/plugin.test.ts',
  'test/onnx-runtime/telemetry.test.ts',
  'test/cli/main.test.ts',
  'test/engine/lanes/start-lanes.test.ts',
  'test/server/verbs/verify.test.ts',
  'test/server/verbs/checkpoint-evaluator.test.ts',
  'test/server/studies/pause-study.test.ts',
  'test/interop/transformers/check-export.test.ts',
  'test/plugin-package/scaffold.test.ts',
  'test/server/verbs/search-space.test.ts',
  'test/server/verbs/job-phases.test.ts',
  'test/plugin-package/plugin-package.test.ts',
  'test/server/verbs/objectives.test.ts',
];

/** Starts the slow files first: one that began last would run alone while the other cores are idle. */
export class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const place = SLOW_FILES.indexOf(relative(this.ctx.config.root, moduleId));
      return place < 0 ? SLOW_FILES.length : place;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
