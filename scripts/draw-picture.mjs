// Draws the pictures of the README, each in light and dark, from the committed results of a search on SmolLM2
// (bench/results/search-smollm2-recovered.json): docs/pipeline-*.svg has the steps of a search, docs/picture-*.svg what
// it found.
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const results = JSON.parse(readFileSync(resolve(root, 'bench/results/search-smollm2-recovered.json'), 'utf8'));

const THEMES = {
  light: {
    text: '#1f2328',
    faint: '#59636e',
    gone: '#d1d9e0',
    heads: '#0969da',
    channels: '#1a7f37',
    other: '#9198a1',
  },
  dark: { text: '#f0f6fc', faint: '#9198a1', gone: '#3d444d', heads: '#4493f8', channels: '#3fb950', other: '#656c76' },
};
const WIDTH = 880;
const [PIPELINE_HEIGHT, RESULT_HEIGHT] = [140, 324];

for (const [name, theme] of Object.entries(THEMES)) {
  writeFileSync(resolve(root, `docs/pipeline-${name}.svg`), drawPipeline(results, theme));
  writeFileSync(resolve(root, `docs/picture-${name}.svg`), drawResult(results, theme));
}

/** The steps of a search from left to right, and which of them are repeated. */
function drawPipeline({ pairs, predicted, verified, seconds_by_phase: seconds }, theme) {
  const steps = [
    ['label', `measure ${pairs}`, 'pruned versions'],
    ['fit', 'a predictor learns', 'from these labels'],
    ['narrow', 'stay in the ranges', 'that look good'],
    ['predict', `judge ${predicted.toLocaleString('en')} others`, `in ${Math.round(seconds.search)} seconds`],
    ['verify', `measure the best ${verified}`, 'on unseen text'],
    ['write', 'the best one', 'as a checkpoint'],
  ];
  const pitch = WIDTH / steps.length;
  const [width, height] = [pitch - 14, 84];
  const centre = (index) => index * pitch + 1 + width / 2;
  const [first, last] = ['narrow', 'verify'].map((verb) => steps.findIndex(([name]) => name === verb));
  return frame(
    PIPELINE_HEIGHT,
    'The steps of a search: label, fit, narrow, predict, verify, write; the middle ones are repeated',
    [
      ...steps.flatMap(([verb, ...lines], index) => [
        `<rect x="${round(index * pitch + 1)}" y="1" width="${round(width)}" height="${height}" rx="8" fill="none" stroke="${theme.other}"/>`,
        text(centre(index), 27, verb, theme.heads, 16, 'middle', 'bold'),
        ...lines.map((line, row) => text(centre(index), 49 + 18 * row, line, theme.text, 12, 'middle')),
        ...(index + 1 < steps.length ? [arrow((index + 1) * pitch - 11, 43, theme.faint)] : []),
      ]),
      `<path d="M${round(centre(last))} ${height + 5}v20H${round(centre(first))}v-14" fill="none" stroke="${theme.faint}" stroke-width="1.5"/>`,
      `<path d="M${round(centre(first) - 5)} ${height + 12}l5 -8 5 8z" fill="${theme.faint}"/>`,
      text(
        (centre(first) + centre(last)) / 2,
        128,
        'three rounds, each with new labels and a new fit',
        theme.faint,
        12,
        'middle',
      ),
    ],
  );
}

/** What each layer of the winner keeps, and its perplexity beside the controls. */
function drawResult({ dense, winner, recovered, controls, controls_paper_recipe: paper }, theme) {
  const rows = [
    [`winner, trained for ${Math.round(recovered.seconds / 60)} minutes`, recovered.report_perplexity, theme.channels],
    ['winner', winner.report_perplexity, theme.channels],
    ['best uniform shape', controls.uniform_best.report_perplexity, theme.other],
    ['one rate everywhere', controls.uniform_paper.report_perplexity, theme.other],
    ["one rate, the paper's recipe", paper.uniform_paper.report_perplexity, theme.other],
  ];
  const removed = Math.round(100 * (1 - winner.parameters / dense.parameters));
  const caption = `SmolLM2-135M, ${removed} % fewer parameters, WikiText-2 (windows of 512 tokens)`;
  return frame(
    RESULT_HEIGHT,
    `SmolLM2-135M with ${removed} % fewer parameters: what the search keeps in each layer, and the perplexity beside the controls`,
    [
      ...drawLayers(winner.layers, theme),
      ...drawBars(rows, dense.report_perplexity, theme),
      text(0, RESULT_HEIGHT - 6, caption, theme.faint, 12),
    ],
  );
}

function frame(height, title, elements) {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">`,
    `<title id="title">${title}</title>`,
    ...elements,
    '</svg>',
    '',
  ].join('\n');
}

/** A short arrow to the right, in the gap between two boxes. */
function arrow(x, y, colour) {
  return `<path d="M${round(x)} ${y - 5}l8 5 -8 5z" fill="${colour}"/>`;
}

/** Kept query heads and FFN channels of each layer, as shares of the largest. */
function drawLayers(layers, theme) {
  const heads = layers.map(({ kvHeads, queryHeadsPerKv }) => kvHeads * queryHeadsPerKv);
  const channels = layers.map(({ ffnChannels }) => ffnChannels);
  return [
    ...drawShares('attention heads kept, by layer', heads, 10, theme.heads, theme),
    ...drawShares('FFN channels kept, by layer', channels, 154, theme.channels, theme),
  ];
}

function drawShares(title, counts, top, colour, theme) {
  const most = Math.max(...counts);
  const [height, pitch] = [96, 13.6];
  return [
    text(0, top + 12, title, theme.text, 13),
    ...counts.flatMap((count, layer) => {
      const kept = round((height * count) / most);
      const x = round(layer * pitch);
      return [
        `<rect x="${x}" y="${top + 22}" width="10" height="${height}" rx="2" fill="${theme.gone}"/>`,
        `<rect x="${x}" y="${round(top + 22 + height - kept)}" width="10" height="${kept}" rx="2" fill="${colour}"/>`,
      ];
    }),
  ];
}

function drawBars(results, dense, theme) {
  const [left, top, pitch, longest] = [450, 10, 50, 380];
  const most = Math.max(...results.map(([, value]) => value));
  const denseX = round(left + (longest * dense) / most);
  return [
    text(left, top + 12, 'perplexity, lower is better', theme.text, 13),
    ...results.flatMap(([name, value, colour], index) => {
      const y = top + 34 + index * pitch;
      const width = round((longest * value) / most);
      return [
        text(left, y, name, theme.text, 12),
        `<rect x="${left}" y="${y + 6}" width="${width}" height="16" rx="3" fill="${colour}"/>`,
        `<line x1="${denseX}" x2="${denseX}" y1="${y + 3}" y2="${y + 25}" stroke="${theme.text}" stroke-width="2"/>`,
        text(left + width + 6, y + 19, value.toFixed(1), theme.text, 12),
      ];
    }),
    text(denseX - 3, top + 278, `| unpruned: ${dense.toFixed(1)}`, theme.faint, 12),
  ];
}

function text(x, y, content, colour, size, anchor = 'start', weight = 'normal') {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${round(x)}" y="${round(y)}" fill="${colour}" font-size="${size}" text-anchor="${anchor}"${weight === 'normal' ? '' : ` font-weight="${weight}"`}>${escaped}</text>`;
}

function round(value) {
  return Math.round(100 * value) / 100;
}
