/** One number of a scrape. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric of a scrape with its samples. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly Sample[];
}

/**
 * Reads the text format of Prometheus, version 0.0.4, by its grammar: HELP, TYPE, then the samples of that metric alone.
 * Throws an Error that names the line for anything else.
 */
export function readMetrics(text: string): ReadonlyMap<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  const families = new Map<string, { name: string; type: string; help: string; samples: Sample[] }>();
  let current: { name: string; type: string; help: string; samples: Sample[] } | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const help = /^# HELP ([a-z_]+) (.+)$/.exec(line);
    const type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
    const sample =
      /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[\d.]+(?:e[+-]?\d+)?|\+Inf|NaN)$/.exec(line);
    if (help) {
      const [, name = '', said = ''] = help;
      if (families.has(name)) throw new Error(`${name} comes twice`);
      current = { name, help: said, type: '', samples: [] };
      families.set(name, current);
    } else if (type) {
      if (current?.name !== type[1] || current?.type !== '') throw new Error(`not after its HELP: ${line}`);
      current.type = type[2] ?? '';
    } else if (sample) {
      const [, name = '', labels = '', value] = sample;
      const own = current?.type === 'histogram' ? name.replace(/_(?:bucket|sum|count)$/, '') : name;
      if (own !== current?.name) throw new Error(`not under its own TYPE: ${line}`);
      current.samples.push({
        name,
        labels: Object.fromEntries([...labels.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, key, found]) => [key, found])),
        value: Number(value),
      });
    } else throw new Error(`not of the text format: ${line}`);
  }
  return families;
}

/** The sum of the samples of a scrape that have these labels among theirs. */
export function sumOf(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const own = families.get(name) ?? families.get(name.replace(/_(?:bucket|sum|count)$/, ''));
  if (own === undefined) throw new Error(`the scrape has no ${name}`);
  return own.samples
    .filter(
      (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
