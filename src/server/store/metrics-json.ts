/** Metrics as JSON; numbers that JSON lacks (NaN and the infinities, which a ruined model can have) travel as texts. */
export function toJson(metrics: Readonly<Record<string, number>>): string {
  return JSON.stringify(
    Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [name, Number.isFinite(value) ? value : String(value)]),
    ),
  );
}

/** The metrics that `toJson` wrote. */
export function fromJson(json: string): Record<string, number> {
  const stored = JSON.parse(json) as Record<string, number | string>;
  return Object.fromEntries(Object.entries(stored).map(([name, value]) => [name, Number(value)]));
}
