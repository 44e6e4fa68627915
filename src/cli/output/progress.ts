import type { JobProgress } from '../../client/index.js';
import { formatCount, formatDuration } from './format.js';

/** Shows the progress of a job, between lines that stay. */
export interface ProgressDisplay {
  update(progress: JobProgress): void;
  /** Writes a line that stays. */
  note(line: string): void;
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
 * On a terminal one line that is drawn anew; elsewhere a plain line at each change of activity and each quarter of it.
 */
export function createProgressDisplay(stream: ProgressStream): ProgressDisplay {
  return stream.isTTY === true ? createMovingLine(stream) : createPlainLines(stream);
}

/** `labelling pairs  [#########-----------]  90/200 pairs  0:12 left`; no bar if the total is unknown. */
export function formatProgress({ activity, done, total, unit, remainingSeconds }: JobProgress): string {
  if (total <= 0n) return [activity, ...(done > 0n ? [`${formatCount(done)} ${unit}`] : [])].join('  ');
  const filled = Math.round(BAR_WIDTH * Math.min(1, Number(done) / Number(total)));
  return [
    activity,
    `[${'#'.repeat(filled)}${'-'.repeat(BAR_WIDTH - filled)}]`,
    `${formatCount(done)}/${formatCount(total)} ${unit}`.trimEnd(),
    ...(remainingSeconds !== undefined && remainingSeconds >= 0 && done < total
      ? [`${formatDuration(remainingSeconds)} left`]
      : []),
  ].join('  ');
}

const BAR_WIDTH = 20;
const CLEAR_LINE = '\r\u001B[2K';

function createMovingLine(stream: ProgressStream): ProgressDisplay {
  let shown = '';
  return {
    update(progress) {
      // One column stays free: a full line makes some terminals break it.
      shown = formatProgress(progress).slice(0, Math.max(20, (stream.columns ?? 80) - 1));
      stream.write(`${CLEAR_LINE}${shown}`);
    },
    note: (line) => void stream.write(shown === '' ? `${line}\n` : `${CLEAR_LINE}${line}\n${shown}`),
    end() {
      if (shown !== '') stream.write(CLEAR_LINE);
      shown = '';
    },
  };
}

function createPlainLines(stream: ProgressStream): ProgressDisplay {
  let last = '';
  return {
    update(progress) {
      const quarter =
        progress.total > 0n ? Math.floor(4 * Math.min(1, Number(progress.done) / Number(progress.total))) : 0;
      const step = `${progress.activity} ${quarter}`;
      if (step === last) return;
      last = step;
      stream.write(`${formatProgress(progress)}\n`);
    },
    note: (line) => void stream.write(`${line}\n`),
    end: () => undefined,
  };
}
