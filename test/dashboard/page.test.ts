import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { ContainerModule } from 'inversify';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { JobState, StudyPhase, type DeepPartial, type SearchRequest } from '../../src/client/index.js';
import { PrunecastError } from '../../src/core/errors/prunecast-error.js';
import { describeEvent } from '../../src/dashboard/describe-event.js';
import type { JobEvent } from '../../src/dashboard/messages.js';
import { TOKENS } from '../../src/server/tokens.js';
import { CHROMIUM, findSeriousFaults, launchChromium, watchPage, type PageFaults } from '../support/chromium.js';
import { startSourceServer } from '../support/source-server.js';
import { makeFolder } from '../support/test-server.js';
import { DEMO, MODELS_ROOT, smallSearch, startVerbServer, type VerbServer } from '../server/verbs/verb-server.js';

/** A folder of this name is markup to a page that does not escape. */
const MARKUP = '<img src=x onerror=alert(1)>';
/** So many labels that a test sees them come, and ends the search or its server before the last one. */
const LONG = smallSearch({
  pairs: { count: 6000, rungs: [{ tokenLimit: 2048n }] },
});

let folder: string;
let verbs: VerbServer;
let browser: Browser;
let origin: string;
const opened: { page: Page; faults: PageFaults }[] = [];

/** Begins a search and leaves it to the server; the id of its job. */
async function begin(request: DeepPartial<SearchRequest>, { client } = verbs): Promise<string> {
  for await (const { jobId } of client.search(request)) return jobId;
  throw new Error('the search sent no event');
}

async function open(path = '', options: BrowserContextOptions = {}, address = origin): Promise<Page> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  opened.push({ page, faults: watchPage(page, address) });
  await page.goto(`${address}/${path}`);
  return page;
}

const badge = (page: Page, state: string) => page.locator('.badge', { hasText: state });
const stateOf = async (jobId: string) => (await verbs.client.services.jobs.getJob({ jobId })).job?.state;
const countMeasured = async (page: Page) =>
  Number(
    /([\d,]+) architectures measured/
      .exec(await page.locator('figcaption').first().innerText())?.[1]
      ?.replaceAll(',', ''),
  );

describe.skipIf(CHROMIUM === undefined)(
  `the page of the dashboard${CHROMIUM === undefined ? ' (there is no Chromium here)' : ''}`,
  () => {
    beforeAll(async () => {
      folder = await makeFolder();
      await cp(join(MODELS_ROOT, DEMO), join(folder, 'models', MARKUP), { recursive: true });
      verbs = await startVerbServer({ folder, config: { dashboard: '127.0.0.1:0' } });
      ({ origin } = new URL(verbs.server.dashboard ?? ''));
      browser = await launchChromium();
    });
    afterEach(async () => {
      for (const context of browser.contexts()) await context.close();
    });
    afterAll(async () => {
      await browser.close();
      await verbs[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    });

    it('shows a running search, whose curve grows until it is cancelled there', async () => {
      const jobId = await begin(LONG);
      const page = await open();
      const row = page.getByRole('row').filter({ hasText: jobId });
      await row.locator('.badge', { hasText: 'running' }).waitFor();
      await row.getByRole('link').click();
      await page.getByRole('heading', { level: 1, name: 'Search of stories260k' }).waitFor();
      await page.getByText('live', { exact: true }).waitFor();
      await page.locator('.phases [aria-current=step]', { hasText: 'sample' }).waitFor();
      await page.getByText(/^phase \d+ of \d+: sample/).waitFor();
      await page.locator('figure svg').first().waitFor();
      const [measured, dots] = [await countMeasured(page), await page.locator('figure svg circle').count()];
      expect(measured).toBeGreaterThan(0);
      await expect.poll(() => countMeasured(page), { timeout: 120_000 }).toBeGreaterThan(measured + 5);
      await expect.poll(() => page.locator('figure svg circle').count(), { timeout: 120_000 }).toBeGreaterThan(dots);

      await page.getByRole('button', { name: 'Cancel …' }).click();
      await page.getByRole('button', { name: 'Let it run' }).click();
      expect(await stateOf(jobId)).toBe(JobState.RUNNING);
      await page.getByRole('button', { name: 'Cancel …' }).click();
      await page.getByRole('button', { name: 'Cancel the job' }).click();
      await badge(page, 'cancelled').waitFor();
      expect(await stateOf(jobId)).toBe(JobState.CANCELLED);
      await expect
        .poll(() => page.getByRole('button', { name: 'Cancel …' }).isHidden(), { timeout: 60_000 })
        .toBe(true);
    });

    it('resumes a search that waits, and opens the report of the finished one', async () => {
      const jobId = await begin(smallSearch({ pauseBefore: [StudyPhase.REFINE] }));
      const page = await open(`#/jobs/${jobId}`);
      await badge(page, 'paused').waitFor();
      await page
        .locator('.log')
        .getByText(/paused before refine; \d+ of 10 dimensions/)
        .waitFor();
      await page.getByRole('button', { name: 'Resume …' }).click();
      await page.getByRole('button', { name: 'Resume the job' }).click();
      await badge(page, 'succeeded').waitFor();
      expect(await stateOf(jobId)).toBe(JobState.SUCCEEDED);
      await page.locator('figure', { hasText: 'Predicted against measured' }).locator('svg').waitFor();
      // Each event once, across the pause.
      expect(await page.locator('.log').getByText('phase fit', { exact: true }).count()).toBe(1);

      const report = page.context().waitForEvent('page');
      await page.getByRole('link', { name: /^Report of study-/ }).click();
      const document = await report;
      opened.push({ page: document, faults: watchPage(document, origin) });
      await document.locator('h1', { hasText: 'stories260k' }).waitFor();
      await document.locator('[data-chart] svg').first().waitFor();
    });

    it('goes on after a restart of the server, with each event once', async () => {
      const own = await makeFolder();
      const restart = (dashboard: string) => startVerbServer({ folder: own, config: { dashboard } });
      const first = await restart('127.0.0.1:0');
      const { host, origin: address } = new URL(first.server.dashboard ?? '');
      const jobId = await begin(LONG, first);
      const page = await open(`#/jobs/${jobId}`, {}, address);
      // The browser itself writes to the console that the server does not answer.
      opened.pop();
      await page.locator('figcaption').getByText('architectures measured').waitFor();
      await first[Symbol.asyncDispose]();
      await page.getByText('connection lost, trying again').waitFor();
      const measured = await countMeasured(page);
      const second = await restart(host);
      await expect.poll(() => countMeasured(page), { timeout: 120_000 }).toBeGreaterThan(measured);
      await second.client.services.jobs.cancelJob({ jobId });
      await badge(page, 'cancelled').waitFor();
      const events = await (await fetch(`${address}/api/jobs/${jobId}/events`)).text();
      const told = [...events.matchAll(/^data: (.*)$/gm)].flatMap(
        ([, data = '']) => describeEvent((JSON.parse(data) as { event: JobEvent }).event) ?? [],
      );
      expect(told.filter((line) => line === 'running')).toHaveLength(2);
      expect(await page.locator('.log li span').allInnerTexts()).toEqual(told.toReversed());
      await page.context().close();
      await second[Symbol.asyncDispose]();
      await rm(own, { recursive: true, force: true });
    });

    it('shows what users named as text, whatever it looks like', async () => {
      const jobId = await begin(smallSearch({ model: MARKUP, seed: 12n }));
      const page = await open();
      await page.getByRole('cell', { name: MARKUP }).first().waitFor();
      await page.goto(`${origin}/#/jobs/${jobId}`);
      await page.getByRole('heading', { level: 1, name: `Search of ${MARKUP}` }).waitFor();
      expect(await page.locator('img').count()).toBe(0);
    });

    it('says that a job is not there, and what it is called', async () => {
      const page = await open('#/jobs/none');
      await page.getByRole('status').getByText('JOB_NOT_FOUND').waitFor();
      expect(await page.getByRole('status').innerText()).toBe('no job has the id "none" (JOB_NOT_FOUND)');
      // The browser itself writes each refusal to the console.
      opened.pop();
    });

    it('asks for a token where the server wants to know who calls, and sends it with every call', async () => {
      const module = new ContainerModule(({ bind }) => {
        bind(TOKENS.authenticator).toConstantValue({
          check: (call) => {
            if (call.header('authorization')[0] !== 'Bearer right')
              throw new PrunecastError('UNAUTHENTICATED', 'who are you?');
          },
        });
      });
      const guarded = await startSourceServer({ config: { dashboard: '127.0.0.1:0' }, modules: [module] });
      const page = await open('', {}, new URL(guarded.dashboard ?? '').origin);
      // The browser itself writes each refusal to the console.
      opened.pop();
      const answer = async (token: string) => {
        await page.getByLabel('Your token').fill(token);
        await page.getByRole('button', { name: 'Go on' }).click();
      };
      await answer('wrong');
      // It asks again.
      await expect.poll(() => page.getByLabel('Your token').inputValue(), { timeout: 60_000 }).toBe('');
      await answer('right');
      await page.getByText('No job yet.').waitFor();
      expect(await page.getByRole('dialog').count()).toBe(0);
      await page.context().close();
      await guarded[Symbol.asyncDispose]();
    });

    it.each([
      ['light', { colorScheme: 'light', viewport: { width: 1280, height: 900 } }],
      ['dark', { colorScheme: 'dark', viewport: { width: 1280, height: 900 } }],
      ['narrow', { colorScheme: 'light', viewport: { width: 320, height: 700 } }],
    ] as const)('has no serious fault of accessibility and fits the screen: %s', async (_name, options) => {
      const page = await open('', options);
      await page.getByRole('link', { name: 'search' }).last().waitFor();
      const fits = () => page.evaluate('document.documentElement.scrollWidth <= innerWidth');
      expect(await findSeriousFaults(page)).toEqual([]);
      expect(await fits()).toBe(true);
      const { jobs } = await verbs.client.services.jobs.listJobs({ state: JobState.SUCCEEDED });
      await page.goto(`${origin}/#/jobs/${jobs[0]?.id ?? ''}`);
      await page.locator('figure svg').nth(1).waitFor();
      expect(await findSeriousFaults(page)).toEqual([]);
      expect(await fits()).toBe(true);
    });

    it('is used by keyboard alone: opens a job, asks before it cancels, and gives the focus back', async () => {
      const jobId = await begin({ ...LONG, seed: 13n });
      const page = await open();
      await page.getByRole('row').filter({ hasText: jobId }).waitFor();
      const press = async (key: string, until: () => Promise<boolean>) => {
        for (let times = 0; times < 20 && !(await until()); times += 1) await page.keyboard.press(key);
        expect(await until()).toBe(true);
      };
      const hasFocus = (text: string) => async () =>
        (await page.evaluate<string>('document.activeElement?.textContent ?? ""')) === text;
      await press('Tab', hasFocus('search'));
      await page.keyboard.press('Enter');
      await page.getByRole('button', { name: 'Cancel …' }).waitFor();
      await press('Tab', hasFocus('Cancel …'));
      await page.keyboard.press('Enter');
      await vi.waitFor(async () => expect(await hasFocus('Let it run')()).toBe(true), { timeout: 30_000 });
      expect(await findSeriousFaults(page)).toEqual([]);
      await page.keyboard.press('Escape');
      await vi.waitFor(async () => expect(await hasFocus('Cancel …')()).toBe(true), { timeout: 30_000 });
      expect(await stateOf(jobId)).toBe(JobState.RUNNING);
      await verbs.client.services.jobs.cancelJob({ jobId });
      await badge(page, 'cancelled').waitFor();
    });

    it('wrote no error to the console and asked nobody but its server, in all of this', () => {
      expect(opened.length).toBeGreaterThan(5);
      expect(opened.map(({ faults }) => faults)).toEqual(opened.map(() => ({ errors: [], foreign: [] })));
    });
  },
);
