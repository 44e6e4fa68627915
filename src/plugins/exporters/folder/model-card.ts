import { z } from 'zod';
import type { PrunedModel } from '../../../core/ports/exporter.js';

/** What a card says of an export beside its model. */
export interface CardFacts {
  /** The Hub's name of the library that loads it. */
  readonly library: string;
  /** Further tags of the Hub. */
  readonly tags: readonly string[];
  /** How to load it, in Markdown. */
  readonly use: string;
  /** From `supports`. */
  readonly loadsIn: readonly string[];
  /** The type that weights were rounded to; undefined if they kept their values. */
  readonly converted?: string | undefined;
}

const plugin = z.object({ id: z.string(), options: z.record(z.string(), z.unknown()).default({}) });
const measured = z.object({ fingerprint: z.string(), metrics: z.record(z.string(), z.number()) });

/** The parts of a manifest that a card tells; one that is missing or of another form is left out. */
const MANIFEST = z.object({
  prunecast_version: z.string().optional().catch(undefined),
  source: z.object({ model: z.string(), checkpoint_digest: z.string() }).optional().catch(undefined),
  costs: z
    .array(z.object({ kind: z.string(), value: z.number(), dense_value: z.number() }))
    .default([])
    .catch([]),
  recipe: z
    .object({
      digest: z.string(),
      criterion: plugin,
      compensation: plugin,
      calibration: z.object({ sequences: z.int(), sequenceTokens: z.int(), textDigest: z.string() }).nullish(),
    })
    .nullish()
    .catch(undefined),
  allocation: z.string().nullish().catch(undefined),
  recovery: z.object({ plugin }).loose().optional().catch(undefined),
  measurements: z
    .object({ verify: measured.optional(), verify_before_recovery: measured.optional() })
    .default({})
    .catch({}),
});

/**
 * README.md of an export, a model card as the Hugging Face Hub reads it: what was cut from what, the lines of code that
 * load it, the shape of each layer, costs, recipe and measurements. It has nothing that differs between two runs of one
 * request.
 */
export function writeModelCard(model: PrunedModel, facts: CardFacts): string {
  const manifest = MANIFEST.parse(model.manifest);
  return [
    writeFrontMatter(model, facts),
    writeTitle(manifest),
    writeUse(facts),
    writeArchitecture(model),
    writeCosts(manifest),
    writeRecipe(manifest),
    writeMeasurements(manifest, facts),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

type Manifest = z.output<typeof MANIFEST>;

function writeFrontMatter({ sourceDirectory }: PrunedModel, { library, tags }: CardFacts): string {
  const base = findHubName(sourceDirectory);
  return `---
library_name: ${library}
pipeline_tag: text-generation
${base === undefined ? '' : `base_model: ${base}\n`}tags:
- pruned
- prunecast
${tags.map((tag) => `- ${tag}\n`).join('')}---
`;
}

/** The name on the Hub of what lies in the cache of its clients; any other folder may have any name. */
function findHubName(directory: string): string | undefined {
  const [, owner, name] = /[\\/]models--([\w.-]+?)--([\w.-]+)[\\/]snapshots[\\/][^\\/]+[\\/]?$/.exec(directory) ?? [];
  return owner === undefined || name === undefined ? undefined : `${owner}/${name}`;
}

function writeTitle({ source, prunecast_version: version, costs }: Manifest): string {
  const by = `Prunecast${version === undefined ? '' : ` ${version}`}`;
  if (source === undefined) return `# A pruned model\n\nPruned by ${by}.\n`;
  const parameters = costs.find(({ kind }) => kind === 'parameters');
  const share =
    parameters === undefined
      ? ''
      : ` It has ${formatNumber(parameters.value)} of ${formatNumber(parameters.dense_value)} parameters (${formatNumber((100 * parameters.value) / parameters.dense_value)} %).`;
  return `# ${quote(source.model)}, pruned

Pruned by ${by} from ${quote(source.model)}, whose checkpoint has the digest ${quote(source.checkpoint_digest)}.${share} \`prunecast.json\` names the units that were kept.
`;
}

function writeUse({ use, loadsIn }: CardFacts): string {
  return `## Use

${use}

Loads in: ${loadsIn.join(', ')}.
`;
}

function writeArchitecture({ architecture, shape }: PrunedModel): string {
  const groups: { from: number; to: number; cells: string }[] = [];
  for (const [layer, { kvHeads, queryHeadsPerKv, ffnChannels }] of architecture.entries()) {
    const cells = `${kvHeads} | ${kvHeads * queryHeadsPerKv} | ${ffnChannels}`;
    const last = groups.at(-1);
    if (last?.cells === cells) last.to = layer;
    else groups.push({ from: layer, to: layer, cells });
  }
  const isHalved = architecture.some(({ kvHeads, ffnChannels }) => kvHeads === 0 || ffnChannels === 0);
  const rows = groups.map(({ from, to, cells }) => `| ${from === to ? from : `${from} to ${to}`} | ${cells} |`);
  return `## Architecture

Family ${shape.family}, hidden size ${shape.hidden}, heads of ${shape.headDim}, ${architecture.length} layers.${isHalved ? ' 0 is a half that was removed.' : ''}

| layers | key-value heads | query heads | FFN channels |
| --- | ---: | ---: | ---: |
${rows.join('\n')}
`;
}

function writeCosts({ costs }: Manifest): string {
  if (costs.length === 0) return '';
  const rows = costs.map(
    ({ kind, value, dense_value: dense }) => `| ${quote(kind)} | ${formatNumber(value)} | ${formatNumber(dense)} |`,
  );
  return `## Costs

| cost | pruned | unpruned |
| --- | ---: | ---: |
${rows.join('\n')}
`;
}

function writeRecipe({ recipe, allocation, recovery }: Manifest): string {
  if (!recipe) return '';
  const { criterion, compensation, calibration, digest } = recipe;
  const rows = [
    ['criterion', describePlugin(criterion)],
    ['compensation', describePlugin(compensation)],
    ...(calibration
      ? [
          [
            'calibration',
            `${calibration.sequences} x ${calibration.sequenceTokens} tokens of the text with the digest ${quote(calibration.textDigest)}`,
          ],
        ]
      : []),
    ...(allocation ? [['allocation', quote(allocation)]] : []),
    ...(recovery === undefined ? [] : [['recovery', describePlugin(recovery.plugin)]]),
    ['digest', quote(digest)],
  ];
  return `## Recipe

| part | value |
| --- | --- |
${rows.map(([part, value]) => `| ${part} | ${value} |`).join('\n')}
`;
}

function writeMeasurements(
  { measurements: { verify, verify_before_recovery: before } }: Manifest,
  { converted }: CardFacts,
): string {
  const found = verify ?? before;
  if (found === undefined) return '';
  const rows = Object.entries(found.metrics)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `| ${quote(name)} | ${formatNumber(value)} |`);
  return `## Measurements

Of the search that found it${verify === undefined ? ', before its recovery' : ''}${converted === undefined ? '' : `, before the weights were rounded to ${converted}`}, with the fingerprint ${quote(found.fingerprint)}. The report of that search compares it with controls.

| metric | value |
| --- | ---: |
${rows.join('\n')}
`;
}

function describePlugin({ id, options }: z.output<typeof plugin>): string {
  const set = Object.entries(options).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  return quote([id, ...set].join(', '));
}

/** As code within a cell of a table, whatever the text is. */
function quote(text: string): string {
  // oxlint-disable-next-line no-control-regex -- line breaks and the like would end the cell
  return `\`${text.replaceAll(/[\u0000-\u001f\u007f`]/g, ' ').replaceAll('|', '\\|')}\``;
}

function formatNumber(value: number): string {
  return value.toLocaleString('en', { maximumSignificantDigits: Number.isInteger(value) ? 21 : 6 });
}
