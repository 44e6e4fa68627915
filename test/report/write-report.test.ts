import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { JobState } from '../../src/gen/prunecast/v1/job.js';
import { Study, StudyOverview } from '../../src/gen/prunecast/v1/study.js';
import { StudyReport } from '../../src/gen/prunecast/v1/study_types.js';
import { composeReport } from '../../src/report/compose-report.js';
import { writeHtml } from '../../src/report/write-html.js';
import { writeMarkdown } from '../../src/report/write-markdown.js';
import { sampleOverview } from './sample-overview.js';

const HOSTILE = `</script><script>alert(1)</script><img src=x onerror="alert(1)">&'|\`\`\``;

describe('a report', () => {
  it('has a section for each thing that there is to tell, the answer first', () => {
    const { title, answer, sections } = composeReport(sampleOverview());
    expect(title).toBe('Pruning uniform-best');
    expect(answer).toBe('The winner is 12.34 % better than uniform-best.');
    expect(sections.map(({ id }) => id)).toEqual([
      'comparison',
      'layers',
      'front',
      'curve',
      'predictions',
      'importances',
      'progress',
      'measurements',
      'work',
      'settings',
      'reproduce',
    ]);
  });

  it('says of a study without an answer how far it came, and leaves out what there is not', () => {
    const { answer, sections, facts } = composeReport(
      StudyOverview.fromPartial({ study: { model: 'm', state: JobState.RUNNING, trials: 1234, tokensSpent: 5000n } }),
    );
    expect(answer).toBe('There is no answer yet: the study is running, with 1,234 measured architectures so far.');
    expect(sections).toEqual([]);
    expect(facts.map(({ value }) => value)).toEqual(['1,234', '5,000']);
  });

  it.each([
    [
      JobState.SUCCEEDED,
      'This study is a set of 12 measured architectures to fit predictors on: it looked for no winner.',
    ],
    [JobState.FAILED, 'There is no answer: the study failed after 12 measured architectures.'],
    [JobState.CANCELLED, 'There is no answer: the study was cancelled after 12 measured architectures.'],
    [JobState.PAUSED, 'There is no answer yet: the study is paused after 12 measured architectures.'],
    [JobState.QUEUED, 'There is no answer yet: the study waits in the queue.'],
  ])('says why a study has no winner (state %i)', (state, answer) => {
    const overview = StudyOverview.fromPartial({ study: { model: 'm', state, trials: 12 } });
    expect(composeReport(overview).answer).toBe(answer);
  });

  it('shows the winner beside the unpruned model, then the controls from the best to the worst', () => {
    const [comparison] = composeReport(sampleOverview()).sections;
    expect(comparison?.figures[0]?.table?.rows.map(([name, , removed]) => [name, removed])).toEqual([
      ['dense', '0.0 %'],
      ['winner', '20.5 %'],
      ['random', '20.3 %'],
      ['uniform-best', '20.4 %'],
    ]);
    expect(comparison?.figures[1]?.table?.rows).toEqual([
      ['random', '8.3 %', 'no interval'],
      ['uniform-best (best)', '12.0 %', '95 % interval 8.0 % to 16.0 %'],
    ]);
  });

  it('shows the winner before and after its recovery, and says what the controls are compared with', () => {
    const { study, ...overview } = sampleOverview();
    const winner = study?.report?.winner;
    const report = StudyReport.fromPartial({
      ...study?.report,
      recovered: { ...winner, name: 'winner, recovered', metrics: { perplexity: 17.6 }, verifyMetrics: {} },
      recovery: {
        plugin: 'distill',
        steps: 40n,
        bestStep: 30n,
        tokens: 5120n,
        seconds: 61,
        perplexityAfter: 17.5,
        perplexityBefore: 21.5,
      },
      recoveryLift: { control: 'winner', metric: 'perplexity', lift: 0.2, low: 0.18, high: 0.22 },
    });
    const { sections, facts } = composeReport({ ...overview, study: Study.fromPartial({ ...study, report }) });
    const [comparison, recovery] = sections;
    expect(comparison?.figures[0]?.table?.rows.map(([name, , , perplexity]) => [name, perplexity]).slice(0, 3)).toEqual(
      [
        ['dense', '15'],
        ['winner', '22'],
        ['winner, recovered', '17.6'],
      ],
    );
    expect(comparison?.note).toContain('compared with them as it was before its recovery');
    expect(comparison?.figures[1]?.caption).toContain('the winner, before its recovery, is better');
    expect(recovery).toMatchObject({ id: 'recovery', note: expect.stringContaining('20.0 % better than before') });
    expect(recovery?.figures[0]?.caption).toContain('40 steps, best after 30');
    expect(facts).toContainEqual(expect.objectContaining({ name: 'perplexity, recovered', value: '17.6' }));
  });

  it('draws the lines of a curve through the points that they were fitted to', () => {
    const chart = composeReport(sampleOverview()).sections.find(({ id }) => id === 'curve')?.figures[0]?.chart;
    if (chart?.kind !== 'lines') throw new Error('the curve has no lines');
    for (const { line, points } of chart.lines) {
      expect([line[0]?.x, line.at(-1)?.x]).toEqual([0.5e8, 2e8]);
      // The sample's points lie on their line.
      expect(line[0]?.y).toBeCloseTo(points[0]?.y ?? NaN, 8);
      expect(line.at(-1)?.y).toBeCloseTo(points.at(-1)?.y ?? NaN, 8);
    }
  });
});

describe('the page of a report', () => {
  const script = 'console.log("charts")';
  const page = writeHtml(composeReport(sampleOverview(HOSTILE)), script);

  it('shows names as text, whatever they contain', () => {
    expect(page).not.toContain('<img');
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page).toContain('&lt;/script&gt;&lt;script&gt;alert(1)');
    const [, json = ''] = /<script type="application\/json" id="charts">(.*?)<\/script>/s.exec(page) ?? [];
    expect(JSON.stringify(JSON.parse(json))).toContain(JSON.stringify(HOSTILE).slice(1, -1));
  });

  it('allows its own script by digest, and nothing to be loaded', () => {
    const [, policy = ''] = /Content-Security-Policy" content="([^"]+)"/.exec(page) ?? [];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain(`'sha256-${createHash('sha256').update(script).digest('base64')}'`);
    expect(writeHtml(composeReport(sampleOverview()), script)).not.toMatch(/\b(?:src|href)=/);
  });

  it('has the numbers of each chart in a table', () => {
    const charts = [...page.matchAll(/data-chart="\d+"><\/div>\n<details><summary>Numbers/g)];
    expect(charts.length).toBe([...page.matchAll(/data-chart=/g)].length);
    expect(charts.length).toBe(9);
  });
});

describe('the Markdown of a report', () => {
  const markdown = writeMarkdown(composeReport(sampleOverview(HOSTILE)));

  it('shows names as text: no HTML, no cell that ends early, no fence that closes early', () => {
    const [outside = ''] = markdown.split('````sh');
    expect(outside).not.toMatch(/(?<!\\)[<|](?:script|img)/);
    expect(markdown).toContain('````sh\nprunecast search');
    for (const block of outside.split('\n\n').filter((part) => part.startsWith('| '))) {
      const cells = block.split('\n').map((line) => line.match(/(?<!\\)\|/g)?.length);
      expect(new Set(cells).size).toBe(1);
    }
  });
});
