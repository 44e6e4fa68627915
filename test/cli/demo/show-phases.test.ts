import { describe, expect, it } from 'vitest';
import { StudyPhase, type JobEvent } from '../../../src/client/index.js';
import { createDemoDisplay } from '../../../src/cli/demo/show-phases.js';
import { JobEvent as JobEventMessage } from '../../../src/gen/prunecast/v1/job.js';

const begun = (phase: StudyPhase, round: number): JobEvent =>
  JobEventMessage.fromPartial({
    payload: { $case: 'study', value: { phase, event: { $case: 'phaseStarted', value: { round } } } },
  });
const progress = JobEventMessage.fromPartial({
  payload: { $case: 'progress', value: { activity: 'verifying', done: 1n, total: 4n, unit: 'tokens' } },
});

function record(isTTY: boolean): {
  readonly written: string[];
  readonly display: ReturnType<typeof createDemoDisplay>;
} {
  const written: string[] = [];
  return { written, display: createDemoDisplay({ isTTY, columns: 80, write: (text) => written.push(text) }) };
}

describe('createDemoDisplay', () => {
  it('writes one line per phase where lines stay, however many rounds and updates there are', () => {
    const { written, display } = record(false);
    for (const round of [1, 2, 3]) {
      display.show(begun(StudyPhase.SEARCH, round));
      display.show(progress);
      display.show(begun(StudyPhase.VERIFY, round));
    }
    display.step('done');
    expect(written).toEqual([
      'predicting tens of thousands of candidates\n',
      'measuring those that are predicted to be best\n',
      'done\n',
    ]);
  });

  it('has one moving line on a terminal, and leaves none behind', () => {
    const { written, display } = record(true);
    display.step('a line that stays');
    display.show(begun(StudyPhase.SEARCH, 1));
    display.show(progress);
    display.end();
    const shown = written.join('');
    expect(shown).toContain('verifying');
    expect(shown).not.toContain('\n');
    expect(written.at(-1)).toBe('\r\u001B[2K');
  });
});
