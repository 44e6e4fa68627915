import type { ModelConfig } from '../config/config.js';
import { findFamily } from '../families/find-family.js';
import { listTensors, type TensorSpec } from '../families/list-tensors.js';
import type { StoredTensor, TensorEntry } from './checkpoint.js';
import { describeAbsent, describeMissing, describeStray, describeTwins, requireReadable } from './misfit-tensors.js';
import { findStandardNames, isBuffer, type StandardNames } from './tensor-names.js';

/** What the files of a checkpoint hold. */
export interface StoredTensors {
  readonly present: readonly StoredTensor[];
  /** Tensors that an index names but no file has; with each, what is wrong with the file that should hold it. */
  readonly absent: ReadonlyMap<string, string>;
}

/** A model's tensors, each found in a file. */
export interface MatchedTensors {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** A head that is stored although config.json ties it to the embeddings; the caller compares the two. */
  readonly tiedHead: TensorEntry | undefined;
  /** As in `Checkpoint.notes`. */
  readonly notes: readonly string[];
}

/**
 * Finds each tensor that a configuration requires, under the names that transformers or a wrapper gives it.
 *
 * Tensors that the model does not have are refused, because they mean that config.json describes another model; buffers
 * are the exception. A model with tied embeddings may store the one table as the embeddings, as the head, or as both.
 *
 * Throws MODEL_MALFORMED, MODEL_UNSUPPORTED.
 */
export function matchTensors({ shape }: ModelConfig, { present, absent }: StoredTensors): MatchedTensors {
  const family = findFamily(shape.family);
  const names = findStandardNames(
    present.map(({ name }) => name),
    family.names,
  );
  const stored = new Map<string, StoredTensor>();
  for (const tensor of present) {
    const name = names.rename(tensor.name);
    const twin = stored.get(name);
    if (twin !== undefined) throw describeTwins(tensor, twin);
    stored.set(name, tensor);
  }
  const [embedding, head] = [`${family.names.embedding}.weight`, `${family.names.head}.weight`];
  const embeddingIsHead = shape.tiedEmbeddings && !stored.has(embedding) && stored.has(head);
  const find = (spec: TensorSpec): TensorEntry => {
    const found = stored.get(embeddingIsHead && spec.name === embedding ? head : spec.name);
    if (found === undefined) throw describeMissing(spec, { present, absent, names, isHead: spec.name === head });
    return requireReadable(spec, found);
  };
  const tensors = new Map(listTensors(family, shape).map((spec) => [spec.name, find(spec)]));
  const ignored: string[] = [];
  let tiedHead: TensorEntry | undefined;
  for (const [name, tensor] of stored) {
    if (tensors.has(name) || (embeddingIsHead && name === head)) continue;
    if (isBuffer(tensor)) ignored.push(tensor.name);
    else if (shape.tiedEmbeddings && name === head)
      tiedHead = requireReadable({ name, shape: [shape.vocabulary, shape.hidden] }, tensor);
    else throw describeStray(tensor, { family: family.id, present });
  }
  for (const [name, problem] of absent) {
    if (!isBuffer({ name }) && !(shape.tiedEmbeddings && names.rename(name) === head))
      throw describeAbsent(name, problem);
    ignored.push(name);
  }
  return {
    tensors,
    tiedHead,
    notes: [
      ...describeNames(names),
      ...(embeddingIsHead
        ? [
            `the tied embeddings are stored as ${head}: they are read from there, and outputs store them as ${embedding}`,
          ]
        : []),
      ...(tiedHead === undefined
        ? []
        : [`${head} is stored beside the embeddings that it is tied to and equals them: outputs store the table once`]),
      ...(ignored.length === 0
        ? []
        : [
            `ignored, because ${ignored.length === 1 ? 'it is not a weight' : 'they are not weights'} of this model: ${ignored.slice(0, MOST_NAMED).join(', ')}${ignored.length > MOST_NAMED ? ` and ${ignored.length - MOST_NAMED} more` : ''}`,
          ]),
    ],
  };
}

/** Most names in one note; with one buffer per layer, the others are alike. */
const MOST_NAMED = 4;

function describeNames({ wrapper, lacksBase }: StandardNames): string[] {
  if (wrapper === '' && !lacksBase) return [];
  const taken = wrapper === '' ? [] : [`begin with "${wrapper}"`];
  const missing = lacksBase ? ['lack their "model."'] : [];
  return [`the names of all tensors ${[...taken, ...missing].join(' and ')}: outputs have the standard names`];
}
