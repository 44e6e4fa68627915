import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { composeReport } from '../../src/report/compose-report.js';
import { writeHtml } from '../../src/report/write-html.js';
import { CHROMIUM, findSeriousFaults, launchChromium, watchPage, type PageFaults } from '../support/chromium.js';
import { sampleOverview } from './sample-overview.js';

const HOSTILE = `</script><script>window.hacked=1</script><img src=https://example.com/x onerror="hacked=1">`;
const NARROW = { width: 400, height: 800 };

let folder: string;
let browser: Browser;
const opened: PageFaults[] = [];

async function open(name: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  opened.push(watchPage(page, `file://${folder}`));
  await page.goto(`file://${join(folder, name)}`);
  return page;
}

describe.skipIf(CHROMIUM === undefined)(
  `the page of a report in a browser${CHROMIUM === undefined ? ' (there is no Chromium here)' : ''}`,
  () => {
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'prunecast-report-'));
      const script = readFileSync(resolve(import.meta.dirname, '../../dist/src/charts/page.min.js'), 'utf8');
      await writeFile(join(folder, 'plain.html'), writeHtml(composeReport(sampleOverview()), script));
      await writeFile(join(folder, 'hostile.html'), writeHtml(composeReport(sampleOverview(HOSTILE)), script));
      browser = await launchChromium();
    });
    afterEach(async () => {
      await Promise.all(browser.contexts().map((context) => context.close()));
      opened.length = 0;
    });
    afterAll(async () => {
      await browser?.close();
      await rm(folder, { recursive: true, force: true });
    });

    it('draws every chart, without an error and without a request', async () => {
      const page = await open('plain.html');
      const drawn = await page.locator('[data-chart]').evaluateAll((places) =>
        places.map((place) => ({
          shapes: place.querySelectorAll('svg :is(circle, rect, path, line)').length,
          broken: place.innerHTML.match(/NaN|undefined|Infinity/g) ?? [],
        })),
      );
      expect(drawn).toHaveLength(9);
      for (const { shapes, broken } of drawn) {
        expect(shapes).toBeGreaterThan(4);
        expect(broken).toEqual([]);
      }
      // As many dots as there are pairs.
      const scatter = page.locator('[aria-label^="Predicted against measured"]');
      expect(await scatter.locator('circle').count()).toBe(60);
      expect(opened).toEqual([{ errors: [], foreign: [] }]);
    });

    it.each([
      ['light', { colorScheme: 'light' }],
      ['dark', { colorScheme: 'dark' }],
      ['narrow', { viewport: NARROW }],
    ] as const)('has no serious fault of accessibility: %s', async (_, options) => {
      const page = await open('plain.html', options);
      await page.locator('details').evaluateAll((all) => all.forEach((one) => one.setAttribute('open', '')));
      expect(await findSeriousFaults(page)).toEqual([]);
    });

    it('fits a phone, and draws again when the window changes', async () => {
      const page = await open('plain.html', { viewport: NARROW });
      const widths = () => page.locator('[data-chart] svg').evaluateAll((all) => all.map((svg) => svg.clientWidth));
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(NARROW.width);
      expect(Math.max(...(await widths()))).toBeLessThanOrEqual(NARROW.width);
      await page.setViewportSize({ width: 1000, height: 800 });
      await expect.poll(async () => Math.max(...(await widths()))).toBeGreaterThan(800);
    });

    it('shows names as text and runs none of them', async () => {
      const page = await open('hostile.html');
      expect(await page.title()).toBe(`Pruning ${HOSTILE}`);
      expect(await page.evaluate(() => 'hacked' in globalThis)).toBe(false);
      expect(await page.locator('img').count()).toBe(0);
      expect(await page.locator('[data-chart] svg').count()).toBe(9);
      expect(opened).toEqual([{ errors: [], foreign: [] }]);
    });

    it('refuses to load anything, even if a script were to ask for it', async () => {
      const page = await open('plain.html');
      const refused = await page.evaluate(`(async () => {
        const image = new Image();
        const failed = new Promise((done) => { image.onerror = () => done('image'); });
        image.src = 'https://example.com/x.png';
        return [await failed, await fetch('https://example.com').catch(() => 'fetch')];
      })()`);
      expect(refused).toEqual(['image', 'fetch']);
      expect(opened[0]?.errors.join(' ')).toContain('Content Security Policy');
    });

    it('tells all numbers without its script', async () => {
      const page = await open('plain.html', { javaScriptEnabled: false });
      await expect(page.locator('.answer').innerText()).resolves.toContain('12.34');
      expect(await page.locator('table').count()).toBeGreaterThan(10);
    });

    it('prints dark text on white, whatever the reader prefers', async () => {
      const page = await open('plain.html', { colorScheme: 'dark' });
      await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
      expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe('rgb(255, 255, 255)');
      expect(await page.evaluate('getComputedStyle(document.body).color')).toBe('rgb(0, 0, 0)');
    });
  },
);
