import type { FileSizes, PrunedModel } from '../../core/ports/exporter.js';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import type { Cost } from '../../gen/prunecast/v1/common.js';
import { encodeCosts } from '../encoding/costs.js';
import type { OpenModel } from '../models/open-models.js';
import { describeCosts, describeOutput, type Provenance } from './describe-output.js';
import type { OutputPlan, PlannedExport } from './output-plan.js';
import { countExportedBytes, writtenShape } from './written-shape.js';

/** One form of an output: what writes it, and what is told of it. */
export interface WrittenForm {
  readonly planned: PlannedExport;
  /** Of its weights. */
  readonly bytes: number;
  readonly costs: readonly Cost[];
  readonly loadsIn: readonly string[];
  /** Without what its exporter adds. */
  readonly manifest: Readonly<Record<string, unknown>>;
}

/**
 * The forms of an output.
 *
 * @param biases whether the recipe's compensation may have added some
 */
export function listForms(
  { name, language: { shape, checkpoint } }: OpenModel,
  { architecture, keptUnits, shape: cut }: PrunedModel,
  { exports }: Pick<OutputPlan, 'exports'>,
  biases: 'none' | 'added',
  provenance: Provenance,
  jobId: string,
): WrittenForm[] {
  const source = { name, shape, checkpointDigest: checkpoint.digest };
  return exports.map((planned): WrittenForm => {
    const supported = planned.exporter.supports(shape, architecture, biases, planned.options);
    const written = writtenShape(cut, supported);
    return {
      planned,
      bytes: countExportedBytes(cut, supported),
      costs: encodeCosts(shape, architecture, [], written),
      loadsIn: supported.ok ? supported.loadsIn : [],
      manifest: {
        ...describeOutput(source, keptUnits, planned, provenance),
        costs: describeCosts(encodeCosts(shape, architecture, provenance.budgets, written)),
        job_id: jobId,
      },
    };
  });
}

/** What all forms have in common, and which there are: the manifest of an output in several forms. */
export function describeForms(forms: readonly WrittenForm[]): Readonly<Record<string, unknown>> {
  const { exporter: _own, costs: _written, ...common } = forms[0]?.manifest ?? {};
  return {
    ...common,
    exports: forms.map(({ planned: { folder }, manifest }) => ({ folder, exporter: manifest['exporter'] })),
  };
}

/** The bytes of all files of an output; of an exporter that does not list its files, those of the weights. */
export async function countFormBytes(forms: readonly WrittenForm[], pruned: PrunedModel): Promise<number> {
  const all: Record<string, number> = {};
  let unlisted = 0;
  for (const { planned, bytes, manifest } of forms) {
    const { exporter, folder, options } = planned;
    const sizes = await exporter.listFiles?.({ ...pruned, manifest }, options);
    if (sizes === undefined) unlisted += bytes;
    else for (const [file, size] of Object.entries(seal(sizes))) all[`${folder}/${file}`] = size;
  }
  const isParted = forms.some(({ planned }) => planned.folder !== '');
  const manifest = JSON.stringify(describeForms(forms), undefined, 2);
  const sizes = isParted ? seal({ ...all, [MANIFEST_FILE]: Buffer.byteLength(manifest) + 1 }) : all;
  return Object.values(sizes).reduce((sum, size) => sum + size, unlisted);
}

/** A SHA-256 in hex takes as much. */
const DIGEST = '0'.repeat(64);

/** The sizes of the files of an output whose manifest lists them (`SealFolder`). */
function seal(sizes: FileSizes): FileSizes {
  const { [MANIFEST_FILE]: manifest = 0, ...files } = sizes;
  const digests = Object.fromEntries(Object.keys(files).map((file) => [file, DIGEST]));
  const list = JSON.stringify({ files, digests, manifest_digest: DIGEST }, undefined, 2);
  // A comma takes the place of its first brace, and the manifest has its last one.
  return { ...files, [MANIFEST_FILE]: manifest + Buffer.byteLength(list) - '{}'.length };
}
