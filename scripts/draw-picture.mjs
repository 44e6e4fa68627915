// Draws the picture of the README, docs/picture-light.svg and docs/picture-dark.svg, from the committed results of a
// search on SmolLM2 (bench/results/search-smollm2-recovered.json).
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
const [WIDTH, HEIGHT] = [880, 372];

for (const [name, theme] of Object.entries(THEMES))
  writeFileSync(resolve(root, `docs/picture-${name}.svg`), draw(results, theme));

function draw({ dense, winner, recovered, controls, controls_paper_recipe: paper, pairs, predicted, verified }, theme) {
  const steps = [
    'score all units',
    `label ${pairs} architectures`,
    'fit a predictor',
    `predict ${predicted.toLocaleString('en')}`,
    `evaluate the best ${verified}`,
    'write the winner',
  ];
  const results = [
    ['winner, trained for a quarter of an hour', recovered.report_perplexity, theme.channels],
    ['winner', winner.report_perplexity, theme.channels],
    ['best uniform shape', controls.uniform_best.report_perplexity, theme.other],
    ['one rate everywhere', controls.uniform_paper.report_perplexity, theme.other],
    ["one rate, the paper's recipe", paper.uniform_paper.report_perplexity, theme.other],
  ];
  const removed = Math.round(100 * (1 - winner.parameters / dense.parameters));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title" font-family="system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif">`,
    `<title id="title">SmolLM2-135M with ${removed} % fewer parameters: what the search keeps in each layer, and the perplexity beside the controls</title>`,
    ...drawSteps(steps, theme),
    ...drawLayers(winner.layers, theme),
    ...drawBars(results, dense.report_perplexity, theme),
    text(
      0,
      HEIGHT - 6,
      `SmolLM2-135M, ${removed} % fewer parameters, WikiText-2 (windows of 512 tokens)`,
      theme.faint,
      12,
    ),
    '</svg>',
    '',
  ].join('\n');
}

/** The steps of a search, from left to right. */
function drawSteps(steps, theme) {
  const width = WIDTH / steps.length;
  return steps.flatMap((step, index) => [
    `<rect x="${round(index * width + 1)}" y="1" width="${round(width - 14)}" height="32" rx="6" fill="none" stroke="${theme.gone}"/>`,
    text(index * width + (width - 12) / 2, 21, step, theme.text, 11, 'middle'),
    ...(index + 1 < steps.length ? [text((index + 1) * width - 6, 21, '›', theme.faint, 14, 'middle')] : []),
  ]);
}

/** Kept query heads and FFN channels of each layer, as shares of the largest. */
function drawLayers(layers, theme) {
  const heads = layers.map(({ kvHeads, queryHeadsPerKv }) => kvHeads * queryHeadsPerKv);
  const channels = layers.map(({ ffnChannels }) => ffnChannels);
  return [
    ...drawShares('attention heads kept, by layer', heads, 58, theme.heads, theme),
    ...drawShares('FFN channels kept, by layer', channels, 202, theme.channels, theme),
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
  const [left, top, pitch, longest] = [450, 58, 50, 380];
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

function text(x, y, content, colour, size, anchor = 'start') {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${round(x)}" y="${round(y)}" fill="${colour}" font-size="${size}" text-anchor="${anchor}">${escaped}</text>`;
}

function round(value) {
  return Math.round(100 * value) / 100;
}
