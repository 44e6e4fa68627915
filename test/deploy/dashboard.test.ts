import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createPrometheusMetrics } from '../../src/server/adapters/prometheus/metrics.js';
import { apiRegistry } from '../../src/server/requests/api-registry.js';
import { DEPLOY, readYaml, type ComposeFile } from './manifests.js';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string } };
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}

interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { readonly name: string; readonly type: string; query: unknown }[] };
  readonly panels: readonly Panel[];
}

const TEXT = readFileSync(join(DEPLOY, 'grafana/prunecast.json'), 'utf8');
const dashboard = JSON.parse(TEXT) as Dashboard;
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = panels.flatMap(({ title, targets: own = [] }) => own.map((target) => ({ title, ...target })));

const metrics = createPrometheusMetrics('1.2.3');
afterAll(() => metrics.close());

interface Exposed {
  readonly type: string;
  readonly labels: readonly string[];
}

/** What a scrape has, by the name of the series. Prometheus adds `instance` and `job` itself. */
async function listSeries(): Promise<ReadonlyMap<string, Exposed>> {
  const described = metrics.registry.getMetricsAsArray() as unknown as { name: string; labelNames: string[] }[];
  const series = new Map<string, Exposed>();
  for (const { name, type } of await metrics.registry.getMetricsAsJSON()) {
    const labels = [...(described.find((metric) => metric.name === name)?.labelNames ?? []), 'instance', 'job'];
    if (String(type) !== 'histogram') series.set(name, { type: String(type), labels });
    else
      for (const part of ['bucket', 'sum', 'count'])
        series.set(`${name}_${part}`, { type: 'counter', labels: part === 'bucket' ? [...labels, 'le'] : labels });
  }
  return series;
}

/** The series that an expression reads, with the labels it selects by and the function that is applied to a range. */
function readSelectors(expr: string) {
  return [...expr.matchAll(/(?:(\w+)\()?\b(prunecast_\w+)\{([^}]*)\}(\[[^\]]+\])?/g)].map(
    ([, call = '', name = '', selected = '', range]) => ({
      name,
      call: range === undefined ? '' : call,
      labels: [...selected.matchAll(/(\w+)(?:=~|!~|!=|=)"/g)].map(([, label = '']) => label),
    }),
  );
}

/** What is wrong with a query, in the words of what it reads. */
function findFaults(
  { expr, legendFormat }: { readonly expr: string; readonly legendFormat: string },
  series: ReadonlyMap<string, Exposed>,
): string[] {
  const selectors = readSelectors(expr);
  const grouped = [...expr.matchAll(/ by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/));
  const shown = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label);
  return [
    ...(selectors.length === expr.match(/prunecast_/g)?.length ? [] : ['a series without selector']),
    // A label that the sum has dropped is not there to be shown.
    ...shown.filter((label) => !grouped.includes(label)).map((label) => `{{${label}}} is not grouped by`),
    ...selectors.flatMap(({ name, call, labels }) => {
      const exposed = series.get(name);
      if (exposed === undefined) return [`no ${name}`];
      return [
        ...[...labels, ...grouped]
          .filter((label) => !exposed.labels.includes(label))
          .map((label) => `${name}: no ${label}`),
        ...(labels.includes('instance') ? [] : [`${name}: of all servers`]),
        ...(['rate', 'increase'].includes(call) === (exposed.type === 'counter') ? [] : [`${name}: a ${exposed.type}`]),
        ...(name.endsWith('_bucket') && !grouped.includes('le') ? [`${name}: without le`] : []),
      ];
    }),
  ];
}

describe('the dashboard of Grafana', () => {
  it('reads series and labels that the server has, counters by their rate and gauges as they are', async () => {
    const series = await listSeries();
    expect(targets.length).toBeGreaterThan(20);
    expect(targets.flatMap((target) => findFaults(target, series).map((fault) => `${target.title}: ${fault}`))).toEqual(
      [],
    );
    const wrong = {
      expr: 'sum by (model) (prunecast_trials_total{instance="a"}) / prunecast_labels',
      legendFormat: '{{kind}}',
    };
    expect(findFaults(wrong, series)).toEqual([
      'a series without selector',
      '{{kind}} is not grouped by',
      'prunecast_trials_total: no model',
      'prunecast_trials_total: a counter',
    ]);
  });

  it('shows every metric that the server has', async () => {
    const read = new Set(targets.flatMap(({ expr }) => readSelectors(expr)).map(({ name }) => name));
    const hidden = (await metrics.registry.getMetricsAsJSON())
      .map(({ name }) => name)
      .filter((name) => ![name, `${name}_bucket`, `${name}_count`].some((series) => read.has(series)));
    expect(hidden).toEqual([]);
  });

  it('leaves all streams out of the latency of calls, and nothing else', () => {
    const patterns = targets.flatMap(({ expr }) =>
      [...expr.matchAll(/method!~"([^"]+)"/g)].map(([, text = '']) => text),
    );
    expect(patterns.length).toBeGreaterThan(1);
    const methods = [...apiRegistry()].flatMap((type) => (type.kind === 'service' ? type.methods : []));
    expect(methods.length).toBeGreaterThan(30);
    for (const pattern of patterns) {
      const left = methods.filter(({ parent, name }) =>
        new RegExp(`^(?:${pattern})$`).test(`${parent.typeName}/${name}`),
      );
      expect(left.map(({ name }) => name).sort()).toEqual(
        methods.flatMap(({ methodKind, name }) => (methodKind === 'unary' ? [] : [name])).sort(),
      );
    }
  });

  it('has a title, an explanation and a unit for each panel, and none on top of another', () => {
    expect(panels.length).toBeGreaterThan(15);
    const UNIT = /^(?:s|bytes|reqps|percentunit|short|none|suffix: \S+)$/;
    const bare = panels.filter(
      ({ title, description = '', fieldConfig }) =>
        title === '' || !description.endsWith('.') || !UNIT.test(fieldConfig?.defaults.unit ?? ''),
    );
    expect(bare.map(({ id, title }) => [id, title])).toEqual([]);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(new Set(dashboard.panels.map(({ title }) => title)).size).toBe(dashboard.panels.length);
    const cells = dashboard.panels.flatMap(({ gridPos: { h, w, x, y } }) =>
      Array.from({ length: h * w }, (_, index) => `${x + (index % w)},${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(cells.filter((cell) => Number(cell.split(',')[0]) > 23)).toEqual([]);
  });

  it('uses the variables that it has, and no data source of one installation alone', () => {
    const names = dashboard.templating.list.map(({ name }) => name);
    const built = new Set(['__rate_interval', '__range', '__all']);
    const used = new Set([...TEXT.matchAll(/\$\{?(\w+)\}?/g)].map(([, name = '']) => name));
    expect([...used].filter((name) => !names.includes(name) && !built.has(name))).toEqual([]);
    expect(names.filter((name) => !used.has(name))).toEqual([]);
    expect(
      [...TEXT.matchAll(/"uid": "([^"]+)"/g)].map(([, uid]) => uid).filter((uid) => uid !== '${datasource}'),
    ).toEqual([dashboard.uid]);
  });

  it('is put before Grafana by the compose file, in a form that this Grafana reads', () => {
    const [compose] = readYaml<ComposeFile>('compose/compose.yaml');
    const [provider] = readYaml<{ providers: { options: { path: string } }[] }>('compose/grafana-dashboards.yaml');
    const { image = '', volumes = [] } = compose?.services['grafana'] ?? {};
    expect(volumes).toContain(`../grafana:${provider?.providers[0]?.options.path}:ro`);
    expect(volumes).toContain('./grafana-dashboards.yaml:/etc/grafana/provisioning/dashboards/prunecast.yaml:ro');
    // Grafana 11 wrote 39, Grafana 12 writes 41; a later one reads an earlier form, not the other way.
    expect(Number(/:(\d+)\./.exec(image)?.[1])).toBeGreaterThanOrEqual(11);
    expect(dashboard.schemaVersion).toBe(39);
  });
});
