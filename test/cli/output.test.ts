import stringWidth from 'string-width';
import { describe, expect, it } from 'vitest';
import { describeError } from '../../src/cli/output/describe-error.js';
import { describeCosts, findCheckpoint } from '../../src/cli/output/describe-exports.js';
import { colorsFor } from '../../src/cli/output/color.js';
import { printReport } from '../../src/cli/output/print-report.js';
import type { Printer } from '../../src/cli/output/printer.js';
import { createProgressDisplay } from '../../src/cli/output/progress.js';
import { wrapLines } from '../../src/cli/output/wrap-lines.js';
import { formatTable } from '../../src/cli/output/table.js';
import { CallError } from '../../src/client/index.js';
import { JobPhase, JobProgress } from '../../src/gen/prunecast/v1/job.js';
import { BudgetKind, WrittenExport } from '../../src/gen/prunecast/v1/common.js';
import { StudyReport } from '../../src/gen/prunecast/v1/study_types.js';

const PLAIN = colorsFor({ isTTY: false }, {}, {});
const isOn = (...of: Parameters<typeof colorsFor>) => colorsFor(...of).isColorSupported;
const words = (text: string) => text.split(/[\s-]+/).filter((word) => word !== '');

const progress = (done: number, total: number, activity = 'labelling pairs'): JobProgress =>
  JobProgress.fromPartial({
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

describe('findCheckpoint', () => {
  const graph = ['config.json', 'onnx/model.onnx', 'tokenizer.json'];
  const mute = ['config.json', 'model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'];
  const shards = [...mute, 'tokenizer.json'];

  it('takes a folder with weights and a tokenizer: one with a graph has a config.json too', () => {
    expect(findCheckpoint({ exports: [], files: graph }, 'out')).toBeUndefined();
    expect(findCheckpoint({ exports: [], files: mute }, 'out')).toBeUndefined();
    expect(findCheckpoint({ exports: [], files: shards }, 'out')).toBe('out');
    const exports = [
      WrittenExport.fromPartial({ output: 'mine/graph', files: graph }),
      WrittenExport.fromPartial({ output: 'mine/small', files: shards }),
    ];
    expect(findCheckpoint({ exports }, 'out')).toBe('out/small');
  });
});

const cost = (kind: BudgetKind, value: number) => ({ kind, value, denseValue: 2 * value });
const form = (output: string, bytes: number, files: readonly string[]) =>
  WrittenExport.fromPartial({
    output,
    files: [...files],
    costs: [cost(BudgetKind.PARAMETERS, 1000), cost(BudgetKind.WEIGHT_BYTES, bytes)],
  });

describe('the costs of an output', () => {
  it('are told once where all forms have the same, and else of each form', () => {
    const exports = [form('mine/hf', 2048, []), form('mine/small', 1024, [])];
    expect(describeCosts({ costs: exports[0]?.costs ?? [], exports })).toEqual([
      'parameters: 1,000 of 2,000',
      'weight-bytes of hf: 2.0 KiB of 4.0 KiB',
      'weight-bytes of small: 1.0 KiB of 2.0 KiB',
    ]);
    expect(describeCosts({ costs: exports[1]?.costs ?? [], exports: [] })).toEqual([
      'parameters: 1,000 of 2,000',
      'weight-bytes: 1.0 KiB of 2.0 KiB',
    ]);
  });
});

describe('createProgressDisplay', () => {
  it('draws over one line of a terminal: activity, bar, count, pace and time left', () => {
    const { written, display } = capture({ isTTY: true, columns: 120 });
    display.update({ ...progress(90, 200), rate: 1.5278 });
    expect(written.join('')).toBe(
      '\r\u001B[2Klabelling pairs  [#########-----------]  90/200 pairs  1.5/s  1 min 12 s left',
    );
  });

  it('says which phase of the job it is, and how far the whole job is', () => {
    const { written, display } = capture({ isTTY: true, columns: 120 });
    display.update({ ...progress(90, 200), phaseNumber: 3, phaseCount: 12, overall: 0.257 });
    expect(written.join('')).toBe(
      '\r\u001B[2K3/12  labelling pairs  [#########-----------]  90/200 pairs  1 min 12 s left  25 % in all',
    );
  });

  it('says how many windows or questions of a measurement are known', () => {
    const { written, display } = capture({ isTTY: true, columns: 120 });
    display.update({ ...progress(90, 200), itemsDone: 40n, itemsTotal: 1179n });
    expect(written.join('')).toContain('90/200 pairs  items 40/1,179  1 min 12 s left');
  });

  it('tells bytes in units, and nothing that is unknown or over', () => {
    const { written, display } = capture({ isTTY: true, columns: 120 });
    const bytes = { activity: 'hashing the checkpoint', unit: 'bytes', rate: 104_857_600, remainingSeconds: 0 };
    display.update(JobProgress.fromPartial({ ...bytes, done: 1n << 29n, total: 1n << 30n, remainingSeconds: 5 }));
    display.update(JobProgress.fromPartial({ ...bytes, done: 1n << 30n, total: 1n << 30n }));
    display.update(JobProgress.fromPartial({ activity: 'refine' }));
    expect(written.map((line) => line.replace('\r\u001B[2K', ''))).toEqual([
      'hashing the checkpoint  [##########----------]  512.0 MiB/1.0 GiB  100.0 MiB/s  5 s left',
      'hashing the checkpoint  [####################]  1.0 GiB/1.0 GiB',
      'refine',
    ]);
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

  it('leaves out in a narrow terminal what counts least, never the time left, and is never as wide as it', () => {
    for (let columns = 60; columns < 110; columns++) {
      const { written, display } = capture({ isTTY: true, columns });
      display.update({ ...progress(90, 200), phaseNumber: 3, phaseCount: 12, rate: 1.5, overall: 0.2 });
      const [line = ''] = written.map((text) => text.replace('\r\u001B[2K', ''));
      expect(line.length).toBeLessThan(columns);
      expect(line).toContain('1 min 12 s left');
    }
  });

  it('writes a plain line at the start of a phase where there is no terminal, and at each quarter, but not many at once', () => {
    const { written, display } = capture({ isTTY: false });
    const at = (name: string, phaseNumber: number, done: number, seconds: number) =>
      display.update({
        ...progress(done % 10, 10, done % 20 < 10 ? 'labelling pairs' : 'calibrating'),
        phase: JobPhase.fromPartial({ name, done: BigInt(done), total: 100n, elapsedSeconds: seconds }),
        phaseNumber,
        phaseCount: 3,
      });
    for (let done = 0; done <= 100; done += 1) at('sample', 1, done, done);
    for (let done = 0; done <= 100; done += 1) at('verify', 2, done, done / 50);
    expect(written.map((line) => line.slice(0, 3))).toEqual(['1/3', '1/3', '1/3', '1/3', '1/3', '2/3']);
    expect(written.every((line) => line.endsWith('\n') && !line.includes('\r'))).toBe(true);
  });

  it('does the same for each activity of a job that has no phases', () => {
    const { written, display } = capture({ isTTY: false });
    for (let done = 0; done <= 100; done += 1) display.update({ ...progress(done, 100), elapsedSeconds: done });
    display.update(progress(0, 100, 'fitting'));
    expect(written).toHaveLength(6);
  });
});

describe('printReport', () => {
  it('prints an interval where there is one, and says so where there is none', () => {
    const lines: string[] = [];
    const printer: Printer = {
      format: 'text',
      colors: PLAIN,
      lines: (...more) => lines.push(...wrapLines(more, undefined)),
      table: () => undefined,
      json: () => undefined,
      message: () => undefined,
      event: () => undefined,
      note: () => undefined,
      next: () => undefined,
      waiting: () => () => undefined,
      transfer: () => () => undefined,
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
    expect(lines).toContainEqual(expect.stringMatching(/^All measured on the report windows/));
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

describe('formatTable on a terminal', () => {
  const rows = [
    ['criterion', 'fluctuation', 'keeps what varies most over the calibration text, as its mean can be compensated'],
    ['criterion', 'magnitude', 'L1 or L2 norm of the weights of each unit'],
  ];

  it('breaks texts between words, so that no line is wider than the terminal and no word is lost', () => {
    const lines = formatTable(['kind', 'id', 'summary'], rows, { width: 60 });
    expect(lines.filter((line) => stringWidth(line) > 60)).toEqual([]);
    expect(lines.length).toBeGreaterThan(4);
    expect(words(lines.join(' ')).toSorted()).toEqual(words(['kind id summary', ...rows.flat()].join(' ')).toSorted());
  });

  it('leaves out optional columns, the last first, and says which', () => {
    const wide = [['job-1', 'search', '2026-08-01T00:00:00Z', 'study-0123456789']];
    const columns = ['job', 'kind', { title: 'created', optional: true }, { title: 'study', optional: true }] as const;
    const at = (width: number) => formatTable(columns, wide, { width });
    expect(at(80)[0]).toMatch(/^job +kind +created +study$/);
    expect(at(40)[0]).toMatch(/^job +kind +created$/);
    expect(at(40).at(-1)).toMatch(/^\(not shown: study;/);
    expect(at(20)[0]).toMatch(/^job +kind$/);
    expect(at(20).at(-1)).toMatch(/^\(not shown: created, study;/);
  });

  it('lists the cells of each row below each other where nothing else fits', () => {
    const numbers = [
      ['1', '134,515,008', '0.123456789'],
      ['2', '107,612,006', '0.987654321'],
    ];
    expect(formatTable(['row', 'parameters', 'perplexity'], numbers, { width: 20 })).toEqual([
      'row         1',
      'parameters  134,515,008',
      'perplexity  0.123456789',
      '',
      'row         2',
      'parameters  107,612,006',
      'perplexity  0.987654321',
    ]);
  });

  it('is as wide as it takes where there is no terminal', () => {
    expect(formatTable(['kind', 'id', 'summary'], rows)).toHaveLength(4);
  });

  it('keeps columns straight under colours and characters of double width', () => {
    const { green } = colorsFor({ isTTY: true }, {}, {});
    const lines = formatTable(
      ['name', 'n'],
      [
        [green('winner'), green('12')],
        ['模型', '3'],
      ],
    );
    expect(lines.map((line) => stringWidth(line))).toEqual([10, 10, 10, 10]);
    expect(lines[2]).toContain(green('winner'));
  });
});

describe('colours', () => {
  const tty = { isTTY: true };

  it('are for terminals, unless told otherwise', () => {
    expect(isOn(tty, {}, {})).toBe(true);
    expect(isOn({}, {}, {})).toBe(false);
    expect(isOn(tty, {}, { TERM: 'dumb' })).toBe(false);
    expect(isOn({}, {}, { FORCE_COLOR: '1' })).toBe(true);
    expect(isOn(tty, {}, { FORCE_COLOR: '0' })).toBe(false);
  });

  it('are off with --no-color and with NO_COLOR that is not empty, whatever else is set', () => {
    expect(isOn(tty, { color: false }, { FORCE_COLOR: '1' })).toBe(false);
    expect(isOn(tty, {}, { NO_COLOR: '1', FORCE_COLOR: '1' })).toBe(false);
    expect(isOn(tty, {}, { NO_COLOR: '' })).toBe(true);
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
    expect(describeError(error, PLAIN)).toEqual([
      'prunecast: INVALID_OPTIONS: the options of xgboost are not valid',
      '  predictor.options.depth: is 99; at most 12',
      '  plugin = xgboost',
      '  try again in 2 s',
    ]);
  });

  it('says what is wrong with one field once, also where a server has cut it', () => {
    const description = 'is needed: the weights of this output were compensated';
    const told = (violation: string) =>
      describeError(
        new CallError(`text: ${description}`, {
          code: 'INVALID_ARGUMENT',
          reason: 'INVALID_REQUEST',
          violations: [{ field: 'text', description: violation }],
        }),
        PLAIN,
      );
    expect(told(description)).toHaveLength(1);
    expect(told(`${description.slice(0, 20)}…`)).toHaveLength(1);
    expect(told('is another…')).toHaveLength(2);
  });
});
