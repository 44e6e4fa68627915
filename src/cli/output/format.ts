/** 260032 as `260,032`. */
export function formatCount(value: number | bigint): string {
  return value.toLocaleString('en-US');
}

/** A measured number with five digits that matter: `4.6231`, `53.834`. */
export function formatMetric(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(3)
    : String(Number(value.toPrecision(5)));
}

/** A share as `20.0 %`. */
export function formatShare(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** Seconds as `0:07`, `12:34`, `1:02:03`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(minutes).padStart(hours > 0 ? 2 : 1, '0')}:${String(rest).padStart(2, '0')}`;
  return hours > 0 ? `${hours}:${tail}` : tail;
}

/** Bytes as `1.0 MB`; powers of ten. */
export function formatBytes(bytes: number | bigint): string {
  const value = Number(bytes);
  const power = value < 1000 ? 0 : Math.min(4, Math.floor(Math.log10(value) / 3));
  return power === 0 ? `${value} B` : `${(value / 1000 ** power).toFixed(1)} ${['B', 'kB', 'MB', 'GB', 'TB'][power]}`;
}

/** A value of a ts-proto enum by its name, in small letters with dashes: `fit-predictor`. */
export function formatEnum(table: Readonly<Record<string, number>>, value: number): string {
  const found = Object.entries(table).find(([, number]) => number === value);
  return (found?.[0] ?? String(value)).toLowerCase().replaceAll('_', '-');
}
