import type { JobProgress } from '../../client/index.js';
import { widthOf, wrapLines, type Line } from './wrap-lines.js';
import { formatBytes, formatCount, formatDuration } from '../../words/format.js';

/** Shows the progress of a job, between lines that stay. */
export interface ProgressDisplay {
  update(progress: JobProgress): void;
  /** Something goes on whose length is unknown, for so many seconds now: without a terminal said once. */
  wait(activity: string, seconds: number): void;
  /** Writes a line that stays, in as many as the terminal needs for it. */
  note(line: Line): void;
  /** Removes the moving line. */
  end(): void;
}

/** Where progress is shown: a terminal, or something that keeps lines. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/**
 * On a terminal one line that is drawn anew. Elsewhere a plain line at the start of each phase, and at each further
 * quarter of it that comes some seconds after the line before.
 */
export function createProgressDisplay(stream: ProgressStream): ProgressDisplay {
  return stream.isTTY === true ? createMovingLine(stream) : createPlainLines(stream);
}

/** Progress that does not go on: its rate and the time left no longer hold. */
export function withoutPace(progress: JobProgress): JobProgress {
  return { ...progress, rate: undefined, remainingSeconds: undefined };
}

/**
 * `3/12  labelling pairs  [####------]  900/2,000 tokens  items 4/17  32/s  1 min 12 s left  25 % in all`: the phase of the
 * job among its phases, the activity, how far it is, in windows or questions too, and how fast, and how far the job is. What is unknown is left out, and no bar
 * is drawn then.
 *
 * @param width of the line: what counts least is left out if it is too narrow
 */
export function formatProgress(
  {
    activity,
    done,
    total,
    unit,
    itemsDone,
    itemsTotal,
    rate,
    remainingSeconds,
    phaseNumber,
    phaseCount,
    overall,
  }: JobProgress,
  width = Number.POSITIVE_INFINITY,
): string {
  const amount = (value: number | bigint): string => (unit === 'bytes' ? formatBytes(value) : formatCount(value));
  const noun = unit === '' || unit === 'bytes' ? '' : ` ${unit}`;
  const isOver = total > 0n && done >= total;
  const head = [...(phaseCount > 0 ? [`${phaseNumber}/${phaseCount}`] : []), activity];
  const count = total > 0n ? [`${amount(done)}/${amount(total)}${noun}`] : done > 0n ? [`${amount(done)}${noun}`] : [];
  const items = itemsTotal > 0n ? [`items ${formatCount(itemsDone)}/${formatCount(itemsTotal)}`] : [];
  // Where time is all that is known, it has no rate.
  const speed = rate === undefined || isOver || unit === 'seconds' ? [] : [`${formatRate(rate, amount)}/s`];
  const left = remainingSeconds === undefined || isOver ? [] : [`${formatDuration(remainingSeconds)} left`];
  const inAll = overall === undefined ? [] : [`${Math.floor(100 * overall)} % in all`];
  const bars = total > 0n ? BAR_WIDTHS.map((cells) => [drawBar(Number(done) / Number(total), cells)]) : [[]];
  const forms = [
    ...bars.map((bar) => [...head, ...bar, ...count, ...items, ...speed, ...left, ...inAll]),
    [...head, ...count, ...items, ...speed, ...left],
    [...head, ...count, ...left],
  ].map((parts) => parts.join('  '));
  return (forms.find((form) => form.length <= width) ?? forms.at(-1) ?? '').slice(0, width);
}

const BAR_WIDTHS = [20, 10];
const CLEAR_LINE = '\r\u001B[2K';

/** Plain lines of one phase come no closer, in seconds. */
const LEAST_APART = 10;

function drawBar(share: number, cells: number): string {
  const filled = Math.round(cells * Math.min(1, share));
  return `[${'#'.repeat(filled)}${'-'.repeat(cells - filled)}]`;
}

function formatRate(rate: number, amount: (value: number) => string): string {
  return rate < 10 ? String(Number(rate.toPrecision(2))) : amount(Math.round(rate));
}

function createMovingLine(stream: ProgressStream): ProgressDisplay {
  let shown = '';
  // One column stays free: a full line makes some terminals break it.
  const width = (): number => Math.max(20, (widthOf(stream) ?? 80) - 1);
  const show = (line: string): void => {
    shown = line;
    stream.write(`${CLEAR_LINE}${shown}`);
  };
  return {
    update: (progress) => show(formatProgress(progress, width())),
    wait(activity, seconds) {
      const time = `  ${formatDuration(seconds)}`;
      show(`${activity.slice(0, width() - time.length)}${time}`);
    },
    note(line) {
      const lines = wrapLines([line], widthOf(stream)).join('\n');
      stream.write(shown === '' ? `${lines}\n` : `${CLEAR_LINE}${lines}\n${shown}`);
    },
    end() {
      if (shown !== '') stream.write(CLEAR_LINE);
      shown = '';
    },
  };
}

function createPlainLines(stream: ProgressStream): ProgressDisplay {
  let last = { stage: '', quarter: 0, seconds: 0 };
  let awaited = '';
  return {
    update(progress) {
      const next = locate(progress);
      const isNew = next.stage !== last.stage;
      if (!isNew && (next.quarter <= last.quarter || next.seconds < last.seconds + LEAST_APART)) return;
      last = next;
      stream.write(`${formatProgress(progress)}\n`);
    },
    wait(activity) {
      if (activity !== awaited) stream.write(`${activity}\n`);
      awaited = activity;
    },
    note: (line) => void stream.write(`${wrapLines([line], undefined).join('\n')}\n`),
    end: () => undefined,
  };
}

/** How far a job is, in quarters of its phase; of its activity if it has no phases. */
function locate({ activity, done, total, elapsedSeconds, phase, phaseNumber }: JobProgress): {
  readonly stage: string;
  readonly quarter: number;
  readonly seconds: number;
} {
  const within = phase ?? { done, total, elapsedSeconds };
  const stage = phase === undefined ? activity : `${phaseNumber} ${phase.name} ${phase.round}`;
  const quarter = within.total > 0n ? Math.floor(4 * Math.min(1, Number(within.done) / Number(within.total))) : 0;
  return { stage, quarter, seconds: within.elapsedSeconds };
}
