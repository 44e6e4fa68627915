/** When something happened, in the reader's own time zone: the hour alone if it is of today. */
export function formatTime(iso: string, now = new Date()): string {
  const time = new Date(iso);
  const clock = time.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit', second: '2-digit' });
  return time.toDateString() === now.toDateString() ? clock : `${time.toLocaleDateString()} ${clock}`;
}

/** A value of an enum for people: `JOB_KIND_FIT_PREDICTOR` without `JOB_KIND_` is `fit predictor`. */
export function formatEnum(value: string, prefix: string): string {
  return value
    .slice(value.startsWith(prefix) ? prefix.length : 0)
    .toLowerCase()
    .replaceAll('_', ' ');
}
