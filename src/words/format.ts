/** 260032 as `260,032`. */
export function formatCount(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** A measured number with five digits that matter: `4.6231`, `53.834`; what is counted in full: `134,515,008`. */
export function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) >= 1e5 && Math.abs(value) < 1e15) return formatCount(value);
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(3)
    : String(Number(value.toPrecision(5)));
}

/**
 * A measured number with its standard error, `53.831 ± 0.42`: the number as `formatMetric` has it, since numbers of the
 * same items compare beyond their errors, and the error with two digits in the same notation: `4.043e+9 ± 0.85e+9`.
 */
export function formatEstimate(value: number, error: number): string {
  const plain = formatMetric(value);
  if (!Number.isFinite(value) || !(error > 0) || !Number.isFinite(error)) return `${plain} ± ${formatMetric(error)}`;
  if (plain.includes(',')) return `${plain} ± ${formatCount(Math.round(error))}`;
  const [, exponent] = plain.split('e');
  const factor = exponent === undefined ? 1 : 10 ** Number(exponent);
  const decimals = Math.min(MOST_DECIMALS, Math.max(0, 1 - Math.floor(Math.log10(error / factor))));
  return `${plain} ± ${(error / factor).toFixed(decimals)}${exponent === undefined ? '' : `e${exponent}`}`;
}

/** `a perplexity`, `an accuracy`. */
export function withArticle(name: string): string {
  return `${/^[aeiou]/.test(name) ? 'an' : 'a'} ${name}`;
}

/** A rank or linear correlation, or R2: two decimals, as more of them are chance with the few pairs held out. */
export function formatCorrelation(value: number): string {
  return value.toFixed(2);
}

/** A share as `20.0 %`. */
export function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** 134515008 as `134.5 M`, where space is short: four digits at most. Below 10,000 the number itself. */
export function formatAmount(value: number | bigint): string {
  const number = Number(value);
  if (Math.abs(number) < 1e4) return formatCount(value);
  const found = AMOUNTS.find(({ factor }) => Math.abs(number) >= 0.99995 * factor);
  return found === undefined ? formatCount(value) : `${(number / found.factor).toFixed(1)} ${found.unit}`;
}

/** Seconds as `7 s`, `12 min 34 s`, `1 h 12 min`, `2 d 3 h`: the two largest units that count; `0.4 s` below one. */
export function formatDuration(seconds: number): string {
  if (seconds > 0 && seconds < 0.95) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  const whole = Math.max(0, Math.round(seconds));
  const first = DURATIONS.findIndex(({ size }) => whole >= size);
  const [large, small] = DURATIONS.slice(Math.max(0, first));
  if (first < 0 || large === undefined || small === undefined) return `${whole} s`;
  const steps = Math.round(whole / small.size); // 1 h 59 min 45 s is 2 h, not 1 h 60 min
  const [most, rest] = [Math.floor((steps * small.size) / large.size), steps % (large.size / small.size)];
  return rest === 0 ? `${most} ${large.unit}` : `${most} ${large.unit} ${rest} ${small.unit}`;
}

/** Bytes as `997 B`, `256.6 MiB`, `1.2 GiB`; powers of 1024. */
export function formatBytes(bytes: number | bigint): string {
  const value = Number(bytes);
  const power = BYTES.findIndex((_, index) => value < 1023.95 * 1024 ** index);
  const index = power < 0 ? BYTES.length - 1 : power;
  return index === 0 ? `${value} B` : `${(value / 1024 ** index).toFixed(1)} ${BYTES[index]}`;
}

/** A value of a ts-proto enum by its name, in small letters with dashes: `fit-predictor`. */
export function formatEnum(table: Readonly<Record<string, number>>, value: number): string {
  const found = Object.entries(table).find(([, number]) => number === value);
  return (found?.[0] ?? String(value)).toLowerCase().replaceAll('_', '-');
}

/** An error that is less than that is written as 0. */
const MOST_DECIMALS = 8;
const AMOUNTS = [
  { factor: 1e12, unit: 'T' },
  { factor: 1e9, unit: 'G' },
  { factor: 1e6, unit: 'M' },
  { factor: 1e3, unit: 'k' },
] as const;
const BYTES = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const DURATIONS = [
  { size: 86_400, unit: 'd' },
  { size: 3600, unit: 'h' },
  { size: 60, unit: 'min' },
  { size: 1, unit: 's' },
] as const;
