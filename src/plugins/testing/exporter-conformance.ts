import { deepStrictEqual, ok } from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareLogits, mostShare } from '../../core/compare-logits.js';
import { compareWeights } from '../../core/compare-weights.js';
import type { Architecture } from '../../core/model/shape.js';
import type { Exporter, ExportSummary, OpenedExport, PrunedModel, PrunedTensor } from '../../core/ports/exporter.js';
import { MANIFEST_FILE } from '../../core/ports/outputs.js';
import { withoutEmpty } from '../../core/model/without-empty.js';
import { openCheckpoint } from '../../engine/checkpoint/open-checkpoint.js';
import { hashFile } from '../../engine/files/digest.js';
import { openLanguageModel } from '../../engine/open-language-model.js';
import { matchWrittenTensors } from '../../engine/families/match-written-tensors.js';
import { guardExporter } from '../../plugin-host/guards/guard-exporter.js';
import { checkRestriction, LARGER } from './check-restriction.js';
import {
  completeOptions,
  listManifestChecks,
  requireAborted,
  selectChecks,
  type ConformanceCheck,
  type ConformanceSettings,
} from './conformance-check.js';
import { ARCHITECTURES, COMPANION, makeUpModel, makeUpShape, makeUpSource, writePadded } from './made-up-model.js';

export interface ExporterConformance extends ConformanceSettings {
  /**
   * Reads an output back, in whatever format it is: the bytes of each tensor by its name. @default reads a Hugging Face
   * checkpoint; without safetensors files, only the files are checked
   */
  readonly reload?: (directory: string) => Promise<ReadonlyMap<string, Uint8Array>>;
}

/**
 * The conformance kit for exporters, for any test runner:
 *
 * ```ts
 * describe('my-exporter', () => {
 *   for (const { name, run } of listExporterChecks(myExporter)) it(name, run);
 * });
 * ```
 *
 * A made-up model of two layers is written to temporary folders.
 */
export function listExporterChecks<Options>(
  exporter: Exporter<Options>,
  settings: ExporterConformance = {},
): readonly ConformanceCheck[] {
  const guarded = guardExporter(exporter as Exporter, { limitMs: undefined });
  const options = (): Options => completeOptions(exporter.options, settings);
  const support = async (architecture: Architecture) =>
    guarded.supports(makeUpShape(architecture), architecture, 'none', options());
  const listSupported = async (): Promise<readonly (readonly [string, Architecture])[]> => {
    const supported: (readonly [string, Architecture])[] = [];
    for (const [name, architecture] of Object.entries(ARCHITECTURES))
      if ((await support(architecture)).ok) supported.push([name, architecture]);
    ok(supported.length > 0, `supports none of: ${Object.keys(ARCHITECTURES).join(', ')}`);
    return supported;
  };
  const write = (model: PrunedModel, directory: string, signal = new AbortController().signal) =>
    guarded.write(model, directory, { signal }, options());
  return selectChecks([
    ...listManifestChecks(exporter, settings),
    {
      name: 'says what will load an output, or why it cannot be written; and it writes layers of one shape, or others',
      run: async () => {
        const [architecture = []] = Object.values(ARCHITECTURES);
        const refusal = await guarded.refuses?.(makeUpSource(architecture), options());
        deepStrictEqual(refusal, undefined, `it refuses the made-up model, whose tokenizer is byte-level: ${refusal}`);
        await listSupported();
        for (const architecture of Object.values(ARCHITECTURES))
          for (const biases of ['none', 'added'] as const) {
            const answer = await guarded.supports(makeUpShape(architecture), architecture, biases, options());
            if (answer.ok) ok(answer.loadsIn.length > 0, 'loadsIn must name what loads the output');
            else ok(answer.reason !== '', 'a refusal needs its reason');
          }
      },
    },
    {
      name: 'asks of all layers what `supports` needs of them, and no more',
      run: async () => {
        for (const biases of ['none', 'added'] as const) {
          const supports = (architecture: Architecture) => guarded.supports(LARGER, architecture, biases, options());
          const limits = guarded.restrict?.(LARGER, biases, options());
          if (limits !== undefined && supports(LARGER.layers).ok) checkRestriction(limits, supports);
        }
      },
    },
    {
      name: `writes the files that it names and no others, with as many bytes as it says and the digests that it may give; ${MANIFEST_FILE} is among them`,
      run: async () => {
        for (const [name, architecture] of await listSupported())
          await inFolder(async (directory) => {
            const model = makeUpModel(architecture);
            const listed = await guarded.listFiles?.(model, options());
            const summary = await write(model, directory);
            deepStrictEqual(
              (await listFiles(directory)).toSorted(),
              [...summary.files].toSorted(),
              `${name}: the files in the folder are not those that it names`,
            );
            const sizes = await Promise.all(
              summary.files.map(async (file) => (await stat(join(directory, file))).size),
            );
            deepStrictEqual(
              summary.bytes,
              sizes.reduce((sum, size) => sum + size, 0),
              `${name}: the bytes of the files`,
            );
            if (listed !== undefined)
              deepStrictEqual(
                listed,
                Object.fromEntries(summary.files.map((file, index) => [file, sizes[index]])),
                `${name}: the files that it says it will write`,
              );
            for (const [file, digest] of Object.entries(summary.digests ?? {}))
              deepStrictEqual(digest, await hashFile(join(directory, file)), `${name}: the digest of ${file}`);
            ok(summary.files.includes(MANIFEST_FILE), `${MANIFEST_FILE} is missing, by which an output is known`);
          });
      },
    },
    {
      name: `writes the manifest that it is given into ${MANIFEST_FILE}, and may add to it`,
      run: async () => {
        const [[, architecture] = ['', []]] = await listSupported();
        await inFolder(async (directory) => {
          const model = makeUpModel(architecture);
          await write(model, directory);
          const written = JSON.parse(await readFile(join(directory, MANIFEST_FILE), 'utf8')) as object;
          deepStrictEqual({ ...written, ...model.manifest }, written);
        });
      },
    },
    {
      name: 'writes an output that can be read back: its sizes, and every tensor bit for bit',
      run: async () => {
        for (const [name, architecture] of await listSupported())
          await inFolder(async (directory) => {
            const model = makeUpModel(architecture);
            const { files } = await write(model, directory);
            const read = await reload(directory, files, model, settings);
            if (read === undefined) return;
            for (const tensor of model.tensors) {
              const bytes = read.get(tensor.name);
              ok(bytes !== undefined, `${name}: the tensor ${tensor.name} is missing`);
              deepStrictEqual(Buffer.from(bytes), Buffer.from(await tensor.read()), `${name}: ${tensor.name}`);
            }
          });
      },
    },
    {
      name: `opens what it wrote, if it can, without ${MANIFEST_FILE}: the sizes, each weight as near as it is rounded, and the logits that the engine has of these weights`,
      run: async () => {
        const { open } = guarded;
        if (open === undefined) return; // its outputs are verified by digests alone
        const { signal } = new AbortController();
        const [name, architecture] = (await listSupported()).at(-1) ?? ['', []];
        await inFolder(async (directory) => {
          const model = makeUpModel(architecture);
          await write(model, directory);
          await rm(join(directory, MANIFEST_FILE));
          const found = await readOpened(await open(directory, { signal }), model);
          const expected = await inFolder(async (checkpoint) => {
            await writePadded(found.model, checkpoint);
            return computeDense(checkpoint);
          });
          const { share, most } = compareLogits(expected, found.logits, model.shape.vocabulary);
          const limit = mostShare(found.rounding);
          ok(
            share <= limit,
            `${name}: the logits differ by up to ${most}, a share of ${share}; rounding explains ${limit}`,
          );
        });
      },
    },
    {
      name: 'opens no output with a file that is cut short, if it can open one',
      run: async () => {
        const { open } = guarded;
        if (open === undefined) return;
        const [[, architecture] = ['', []]] = await listSupported();
        await inFolder(async (directory) => {
          const { files } = await write(makeUpModel(architecture), directory);
          const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, file))).size));
          const largest = files[sizes.indexOf(Math.max(...sizes))] as string;
          await truncate(join(directory, largest), Math.floor(Math.max(...sizes) / 2));
          const { signal } = new AbortController();
          const opened = await open(directory, { signal }).catch(() => undefined);
          const thrown = opened && (await errorOf(opened.logits(TOKENS).finally(() => opened.close())));
          ok(
            opened === undefined || thrown !== undefined,
            `half of ${largest} is gone, and it gives logits all the same`,
          );
        });
      },
    },
    {
      name: `copies what goes with every output as it is, such as ${COMPANION}`,
      run: async () => {
        const [[, architecture] = ['', []]] = await listSupported();
        await inFolder(async (directory) => {
          const model = makeUpModel(architecture);
          const { files } = await write(model, directory);
          if (!files.includes('config.json')) return; // other formats hold the tokenizer in their own way
          deepStrictEqual(
            new Uint8Array(await readFile(join(directory, COMPANION))),
            await model.readSource(COMPANION),
          );
        });
      },
    },
    {
      name: 'writes the same bytes again for the same model',
      run: async () => {
        const [[, architecture] = ['', []]] = await listSupported();
        const writeAndRead = () =>
          inFolder(async (directory) => {
            await write(makeUpModel(architecture), directory);
            return readAll(directory);
          });
        deepStrictEqual(await writeAndRead(), await writeAndRead());
      },
    },
    {
      name: 'stops at a cancel, with its reason, before it begins and between two tensors',
      run: async () => {
        const [[, architecture] = ['', []]] = await listSupported();
        const ended = await inFolder((directory) =>
          requireAborted((signal) => write(makeUpModel(architecture), directory, signal)),
        );
        deepStrictEqual(ended, 'aborted', 'it writes all the same');
        const cancel = new AbortController();
        const reason = new Error('cancelled by the check');
        let reads = 0;
        const model = makeUpModel(architecture, () => {
          reads += 1;
          if (reads === 2) cancel.abort(reason);
        });
        const thrown = await inFolder((directory) => errorOf(write(model, directory, cancel.signal)));
        deepStrictEqual(
          thrown,
          reason,
          `a cancelled call must fail with the signal's reason, not with: ${String(thrown)}`,
        );
        ok(reads < model.tensors.length, 'it goes on to the last tensor');
      },
    },
    {
      name: 'fails with the error of a tensor that cannot be read',
      run: async () => {
        const [[, architecture] = ['', []]] = await listSupported();
        const unreadable = new Error('unreadable by the check');
        const model = makeUpModel(architecture, () => {
          throw unreadable;
        });
        deepStrictEqual(await inFolder((directory) => errorOf(write(model, directory))), unreadable);
      },
    },
  ]);
}

/** By the given function, or as a checkpoint with the sizes of the model; undefined for a format that is not known. */
async function reload(
  directory: string,
  files: ExportSummary['files'],
  { shape }: PrunedModel,
  { reload: read }: ExporterConformance,
): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  if (read !== undefined) return read(directory);
  if (!files.some((file) => file.endsWith('.safetensors'))) return undefined;
  const checkpoint = await openCheckpoint(directory);
  try {
    const { layers, hidden, headDim, vocabulary } = checkpoint.shape;
    deepStrictEqual(
      { layers, hidden, headDim, vocabulary },
      { layers: shape.layers, hidden: shape.hidden, headDim: shape.headDim, vocabulary: shape.vocabulary },
      'config.json does not state the sizes of the model',
    );
    const tensors = new Map<string, Uint8Array>();
    for (const name of checkpoint.tensors.keys()) tensors.set(name, await checkpoint.readBytes(name));
    return tensors;
  } finally {
    await checkpoint.close();
  }
}

/** Some of the made-up model's tokens. */
const TOKENS = Int32Array.of(1, 7, 3, 9, 0, 2, 2, 8);

/** The logits of a checkpoint, by the engine. */
async function computeDense(directory: string): Promise<Float32Array> {
  const language = await openLanguageModel(await openCheckpoint(directory));
  try {
    return await language.logits(TOKENS);
  } finally {
    await language.close();
  }
}

/**
 * The logits of an opened export, which is closed, after a look at its sizes and its weights; the model with the weights
 * that it has, if it reads them back; and how far they are rounded otherwise.
 */
async function readOpened(
  opened: OpenedExport,
  model: PrunedModel,
): Promise<{ readonly logits: Float32Array; readonly model: PrunedModel; readonly rounding: number }> {
  try {
    const { hidden, headDim, vocabulary } = model.shape;
    deepStrictEqual(opened.shape, { hidden, headDim, vocabulary }, 'the sizes of what it opens');
    deepStrictEqual(
      withoutEmpty(opened.architecture),
      withoutEmpty(model.architecture),
      'what it keeps, as it opens it',
    );
    const logits = await opened.logits(TOKENS);
    if (opened.tensors === undefined) return { logits, model, rounding: opened.storage.rounding };
    return { logits, model: await withStoredWeights(model, opened), rounding: 0 };
  } finally {
    await opened.close();
  }
}

/** The model with its weights as they are stored, each compared with what it was. */
async function withStoredWeights(model: PrunedModel, opened: OpenedExport): Promise<PrunedModel> {
  const names = matchWrittenTensors(model, opened);
  const tensors = await Promise.all(
    model.tensors.map(async (tensor): Promise<PrunedTensor> => {
      const { name, shape } = tensor;
      const expected = new Float32Array((await tensor.read()).slice().buffer);
      const [rows = 1, width = 1] = shape;
      const written = opened.tensors?.find((other) => other.name === names.get(name));
      ok(written !== undefined, `${name} is not among the tensors that it opens`);
      deepStrictEqual(written.shape, shape, `the shape of ${name}`);
      const stored = await written.read();
      const wrong = compareWeights(stored, expected, { width, leeway: 0 });
      ok(wrong === undefined, `${name}: ${JSON.stringify(wrong)} is further from what was written than maxErrors says`);
      const last = await written.read({ first: rows - 1, count: 1 });
      deepStrictEqual(last.values, stored.values.slice(-width), `the last row of ${name}, read alone`);
      return { ...tensor, read: async () => new Uint8Array(stored.values.slice().buffer) };
    }),
  );
  return { ...model, tensors };
}

async function inFolder<Result>(work: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'prunecast-exporter-check-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Relative, with `/` between folders. */
async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(directory.length + 1)
        .replaceAll('\\', '/'),
    );
}

async function readAll(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = (await listFiles(directory)).toSorted();
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(join(directory, file))] as const)));
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error;
  }
}
