// Makes the reports in docs/examples, and their pictures in docs, again: real searches by the built command line.
//
//   npm run examples:report                                  on the demo model
//   npm run examples:report -- --smollm2 DIR --text FILE     also on SmolLM2-135M-Instruct, with the test part of WikiText-2
//   npm run examples:report -- --state DIR                   keep the state there; with it, pages are written anew without a search
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const root = resolve(import.meta.dirname, '..');
const { values: flags } = parseArgs({
  options: {
    smollm2: { type: 'string' },
    text: { type: 'string' },
    state: { type: 'string' },
    chromium: { type: 'string', default: process.env.PRUNECAST_CHROMIUM ?? '/usr/bin/chromium' },
  },
});
if ((flags.smollm2 === undefined) !== (flags.text === undefined))
  throw new Error('--smollm2 and --text belong together: the folder of the model, and a text');

const demo = resolve(root, 'models/stories260k');
const EXAMPLES = [
  {
    name: 'demo',
    model: demo,
    text: join(demo, 'stories.json'),
    args: `--bos --window 128 --remove 20% --protect none --effort quick
      --controls uniform-paper,uniform-best,global-threshold,calibration-error,random`,
  },
  {
    name: 'smollm2',
    model: flags.smollm2,
    text: flags.text,
    args: '--remove 20% --effort quick',
  },
].filter(({ model }) => model !== undefined);

const state = flags.state ?? mkdtempSync(join(tmpdir(), 'prunecast-examples-'));
// Links to models and texts: named from here, their paths in a page are short, and say nothing of this machine.
const folder = mkdtempSync(join(tmpdir(), 'prunecast-examples-links-'));
try {
  for (const example of EXAMPLES) search(example);
  const pages = EXAMPLES.map(({ name }) => name);
  await takePictures(pages.at(-1) ?? 'demo');
} finally {
  rmSync(folder, { recursive: true, force: true });
  if (flags.state === undefined) rmSync(state, { recursive: true, force: true });
}

/** Searches, or finds the same search in the state again, and writes its report. */
function search({ name, model, text, args }) {
  const page = resolve(root, `docs/examples/${name}.html`);
  const line = `search --model ${link(model)} --text ${link(text)} ${args} --state-dir ${resolve(state)} --request-id example-${name}
    --report ${page} --overwrite`;
  execFileSync(process.execPath, [resolve(root, 'dist/src/cli/main.js'), ...line.split(/\s+/)], {
    cwd: folder,
    stdio: 'inherit',
  });
  const own = [folder, root, state, model, text].map((path) => resolve(path));
  const named = own.filter((path) => readFileSync(page, 'utf8').includes(path));
  if (named.length > 0) throw new Error(`${page} names ${named.join(', ')}: paths of this machine`);
}

/** The name of a link to a path in the folder of links. */
function link(path) {
  const name = basename(resolve(path));
  symlinkSync(resolve(path), join(folder, name));
  return name;
}

/** The first screen of a report, light and dark, and on a phone. */
async function takePictures(name) {
  const browser = await chromium.launch({ executablePath: flags.chromium, args: ['--no-sandbox'] });
  try {
    const looks = {
      light: { colorScheme: 'light', viewport: { width: 1000, height: 1150 } },
      dark: { colorScheme: 'dark', viewport: { width: 1000, height: 1150 } },
      narrow: { colorScheme: 'light', viewport: { width: 400, height: 1150 } },
    };
    for (const [look, options] of Object.entries(looks)) {
      const page = await (await browser.newContext(options)).newPage();
      await page.goto(pathToFileURL(resolve(root, `docs/examples/${name}.html`)).href);
      await page.screenshot({ path: resolve(root, `docs/report-${look}.png`) });
    }
  } finally {
    await browser.close();
  }
}
