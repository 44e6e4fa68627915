import { describe, expect, it } from 'vitest';
import { describeError } from '../../src/cli/output/describe-error.js';
import { formatBytes, formatDuration, formatMetric } from '../../src/cli/output/format.js';
import { printReport } from '../../src/cli/output/print-report.js';
import type { Printer } from '../../src/cli/output/printer.js';
import { createProgressDisplay } from '../../src/cli/output/progress.js';
import { formatTable } from '../../src/cli/output/table.js';
import { CallError, type JobProgress } from '../../src/client/index.js';
import { StudyReport } from '../../src/gen/prunecast/v1/study_types.js';

const progress = (done: number, total: number, activity = 'labelling pairs'): JobProgress => ({
  activity,
  done: BigInt(done),
  total: BigInt(total),
  unit: 'pairs',
  elapsedSeconds: 1,
  remainingSeconds: 72,
});

function capture(terminal: { readonly isTTY: boolean; readonly columns?: number }): {
  readonly written: string[];
  readonly display: ReturnType<typeof createProgressDisplay>;
} {
  const written: string[] = [];
  return { written, display: createProgressDisplay({ ...terminal, write: (text) => written.push(text) }) };
}

describe('createProgressDisplay', () => {
  it('draws over one line of a terminal, with bar, count and time left', () => {
    const { written, display } = capture({ isTTY: true, columns: 120 });
    display.update(progress(90, 200));
    expect(written.join('')).toBe('\r\u001B[2Klabelling pairs  [#########-----------]  90/200 pairs  1:12 left');
  });

  it('keeps notes above the moving line, and leaves nothing behind', () => {
    const { written, display } = capture({ isTTY: true });
    display.update(progress(1, 2));
    display.note('fitted');
    display.end();
    expect(written.join('')).toContain('\r\u001B[2Kfitted\nlabelling pairs  [');
    expect(written.join('').endsWith('\r\u001B[2K')).toBe(true);
    expect(written.join('').split('\n')).toHaveLength(2);
  });

  it('never writes a line as wide as the terminal', () => {
    const { written, display } = capture({ isTTY: true, columns: 40 });
    display.update(progress(90, 200));
    expect(written.join('').replace('\r\u001B[2K', '')).toHaveLength(39);
  });

  it('writes a plain line at each quarter of an activity where there is no terminal', () => {
    const { written, display } = capture({ isTTY: false });
    for (let done = 0; done <= 100; done += 1) display.update(progress(done, 100));
    display.update(progress(0, 100, 'fitting'));
    expect(written).toHaveLength(6);
    expect(written.every((line) => line.endsWith('\n') && !line.includes('\r'))).toBe(true);
  });
});

describe('printReport', () => {
  it('prints an interval where there is one, and says so where there is none', () => {
    const lines: string[] = [];
    const printer: Printer = {
      format: 'text',
      lines: (...more) => lines.push(...more),
      table: () => undefined,
      json: () => undefined,
      message: () => undefined,
      event: () => undefined,
      note: () => undefined,
      endProgress: () => undefined,
    };
    const lifts = [
      { control: 'uniform-paper', metric: 'accuracy', lift: 0.25 },
      { control: 'uniform-best', metric: 'accuracy', lift: 0.1, low: 0.05, high: 0.15 },
    ];
    printReport(
      StudyReport.fromPartial({
        lifts,
        predictorScores: [{ backend: 'onnx', chosen: true, notTried: 'it was fitted elsewhere' }],
      }),
      undefined,
      printer,
    );
    expect(lines).toContain('accuracy: 25.0 % better than uniform-paper (no interval)');
    expect(lines).toContain('accuracy: 10.0 % better than uniform-best (95 % interval 5.0 % to 15.0 %)');
    expect(lines).toContain('  onnx: not judged, it was fitted elsewhere, chosen');
  });
});

describe('formatTable', () => {
  it('puts numbers to the right and words to the left', () => {
    expect(
      formatTable(
        ['name', 'parameters'],
        [
          ['dense', '260,032'],
          ['winner', '9,999'],
        ],
      ),
    ).toEqual(['name    parameters', '------  ----------', 'dense      260,032', 'winner       9,999']);
  });
});

describe('numbers for people', () => {
  it('keep five digits that matter', () => {
    expect([4.623_149, 53.834_21, 0, 1_234_567.8, 0.000_012_3].map(formatMetric)).toEqual([
      '4.6231',
      '53.834',
      '0',
      '1.235e+6',
      '1.230e-5',
    ]);
  });

  it('have units', () => {
    expect([7, 754, 3723].map(formatDuration)).toEqual(['0:07', '12:34', '1:02:03']);
    expect([999, 1_045_408, 269_060_280n].map(formatBytes)).toEqual(['999 B', '1.0 MB', '269.1 MB']);
  });
});

describe('describeError', () => {
  it('says the reason, what is wrong with which field, and the facts', () => {
    const error = new CallError('the options of xgboost are not valid', {
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_OPTIONS',
      violations: [{ field: 'predictor.options.depth', description: 'is 99; at most 12' }],
      metadata: { plugin: 'xgboost' },
      retryAfterMs: 1500,
    });
    expect(describeError(error)).toEqual([
      'prunecast: INVALID_OPTIONS: the options of xgboost are not valid',
      '  predictor.options.depth: is 99; at most 12',
      '  plugin = xgboost',
      '  try again in 2 s',
    ]);
  });
});
