import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

/** The Chromium of this machine: the one that PRUNECAST_CHROMIUM names, or one on the path; undefined if there is none. */
export const CHROMIUM: string | undefined =
  process.env['PRUNECAST_CHROMIUM'] ??
  (process.env['PATH'] ?? '')
    .split(delimiter)
    .flatMap((folder) => NAMES.map((name) => join(folder, name)))
    .find((path) => existsSync(path));

/** Starts a headless Chromium. */
export function launchChromium(): Promise<Browser> {
  if (CHROMIUM === undefined) throw new Error('there is no Chromium: name one in PRUNECAST_CHROMIUM');
  return chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** What a page did that it should not. */
export interface PageFaults {
  /** Errors on the console, and those that nobody caught. */
  readonly errors: string[];
  /** What it asked of others than its own server. */
  readonly foreign: string[];
}

/** Watches a page and what it asks for. */
export function watchPage(page: Page, origin: string): PageFaults {
  const faults: PageFaults = { errors: [], foreign: [] };
  page.on('console', (message) => {
    if (message.type() === 'error') faults.errors.push(message.text());
  });
  page.on('pageerror', (error) => faults.errors.push(error.message));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(?:data|blob):/.test(url)) faults.foreign.push(url);
  });
  return faults;
}

/** What axe finds on a page that is serious or worse: the rule, and the elements at fault. */
export async function findSeriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(
    () => (globalThis as unknown as { axe: typeof axe }).axe.run() as Promise<axe.AxeResults>,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
