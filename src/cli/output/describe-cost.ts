import type { Plan } from '../../client/index.js';
import { formatAmount, formatBytes, formatCount, formatDuration } from '../../words/format.js';

/** What a job takes, as its plan states it: time and tokens, the time of each phase, memory and disk. */
export function describeCost({
  trials,
  knownTrials,
  tokens,
  estimatedSeconds,
  timeUnknown,
  phases,
  peakMemoryBytes,
  baseMemoryBytes,
  diskBytes,
  streamFit,
}: Plan): string[] {
  const amount = [
    ...(trials > 0n ? [`${formatCount(trials)} ${trials === 1n ? 'architecture' : 'architectures'} to evaluate`] : []),
    ...(knownTrials > 0n ? [`${formatCount(knownTrials)} known from an earlier search`] : []),
    `${formatAmount(tokens)} tokens to run`,
  ].join(', ');
  const time =
    estimatedSeconds === undefined
      ? `time unknown${timeUnknown === '' ? '' : ` (${timeUnknown})`}`
      : `about ${formatDuration(estimatedSeconds)}`;
  // Without times, the tokens of the phases tell how the work is shared out.
  const parts = phases.flatMap(({ name, tokens: run, estimatedSeconds: seconds }) => {
    if (seconds !== undefined) return seconds === 0 ? [] : [`${name} ${formatDuration(seconds)}`];
    return run === 0n ? [] : [`${name} ${formatAmount(run)} tokens`];
  });
  return [
    `${time}: ${amount}`,
    ...(parts.length > 1 ? [parts.join(', ')] : []),
    ...(streamFit === undefined
      ? []
      : [
          `compensates ${streamFit.fits} halves of ${streamFit.layers} layers on the stream, on ${formatAmount(streamFit.tokens)} tokens`,
        ]),
    `memory up to about ${formatBytes(peakMemoryBytes)}, of which the server itself takes ${formatBytes(baseMemoryBytes)}${diskBytes === 0n ? '' : `; disk about ${formatBytes(diskBytes)}`}`,
  ];
}
