import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseConfig } from '../../src/engine/checkpoint/parse-config.js';
import { findFamily } from '../../src/engine/families/find-family.js';
import { listTensors } from '../../src/engine/families/list-tensors.js';
import { makeFolder, packTensors, type TinyTensor } from '../engine/checkpoint/tiny-checkpoint.js';

/** A trait of people's files; test/reference/record_traits.py says what each entry means. */
export interface Trait {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly drop?: readonly string[];
  readonly copies?: Readonly<Record<string, string>>;
  readonly spare?: Readonly<Record<string, { readonly dtype: string; readonly shape: readonly number[] }>>;
  readonly rename?: { readonly from: string; readonly to: string };
  readonly index?: { readonly file: string; readonly absent?: readonly string[] };
}

/** What transformers makes of a trait's checkpoint: logits after half of the tokens and after all of them, and the mean loss. */
export interface RecordedTrait {
  readonly tokens: readonly number[];
  readonly middle: readonly number[];
  readonly last: readonly number[];
  readonly mean_loss: number;
}

const shared = readReference<{
  readonly config: Readonly<Record<string, unknown>>;
  readonly traits: Readonly<Record<string, Trait>>;
}>('traits.json');

/** Every trait with what was recorded of it. */
export const TRAITS: readonly (readonly [name: string, trait: Trait, recorded: RecordedTrait])[] = listTraits();

/** A trait by its name, with what was recorded of it. */
export function findTrait(name: string): readonly [trait: Trait, recorded: RecordedTrait] {
  const found = TRAITS.find(([known]) => known === name);
  if (found === undefined) throw new Error(`traits.json has no "${name}"`);
  return [found[1], found[2]];
}

export interface TraitPlace {
  /** A new folder that goes when the test ends by default. */
  readonly folder?: string;
  /** Changes the values of a tensor before they are stored. */
  readonly edit?: (name: string, values: Float32Array) => void;
}

/** A checkpoint with a trait, the one that the recorder builds too. Returns its folder. */
export async function writeTrait(trait: Trait, { folder: asked, edit }: TraitPlace = {}): Promise<string> {
  const config = { ...shared.config, ...trait.config };
  const stored = storeTensors(config, trait, edit);
  const file = trait.index?.file ?? 'model.safetensors';
  const folder = asked ?? (await makeFolder());
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), packTensors(stored));
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  if (trait.index === undefined) return folder;
  const named = [...Object.keys(stored), ...(trait.index.absent ?? [])];
  await writeFile(
    join(folder, 'model.safetensors.index.json'),
    JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(named.map((name) => [name, file])) }),
  );
  return folder;
}

function listTraits(): [string, Trait, RecordedTrait][] {
  const { traits } = readReference<{ readonly traits: Readonly<Record<string, RecordedTrait>> }>('trait-logits.json');
  return Object.entries(shared.traits).map(([name, trait]) => {
    const recorded = traits[name];
    if (recorded === undefined) throw new Error(`nothing is recorded of ${name}: run test/reference/record_traits.py`);
    return [name, trait, recorded];
  });
}

function storeTensors(
  config: Readonly<Record<string, unknown>>,
  { copies = {}, drop = [], spare = {}, rename = { from: '', to: '' } }: Trait,
  edit?: TraitPlace['edit'],
): Record<string, TinyTensor> {
  const { shape } = parseConfig(config);
  const tensors: Record<string, TinyTensor> = Object.fromEntries(
    listTensors(findFamily(shape.family), shape).map(({ name, shape: sizes }) => {
      const values = fill(
        name,
        sizes.reduce((product, size) => product * size, 1),
      );
      edit?.(name, values);
      return [name, { dtype: 'F32', shape: sizes, bytes: new Uint8Array(values.buffer) }];
    }),
  );
  for (const [copy, source] of Object.entries(copies)) tensors[copy] = tensors[source] as TinyTensor;
  for (const name of drop) delete tensors[name];
  for (const [name, { dtype, shape: sizes }] of Object.entries(spare)) {
    tensors[name] = {
      dtype,
      shape: sizes,
      bytes: new Uint8Array(sizes.reduce((product, size) => product * size, SPARE_BYTES[dtype] ?? NaN)),
    };
  }
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      name.startsWith(rename.from) ? rename.to + name.slice(rename.from.length) : name,
      tensor,
    ]),
  );
}

const SPARE_BYTES: Readonly<Record<string, number>> = { BOOL: 1, I64: 8, F32: 4, F64: 8 };

/** The values of a tensor: hashes of its name and of their place, in [-0.5, 0.5); of norms in [0.875, 1.125). */
function fill(name: string, count: number): Float32Array {
  const seed = seedOf(name);
  const isNorm = name.endsWith('norm.weight');
  return Float32Array.from({ length: count }, (_, place) => {
    const value = (mix(Math.imul(place, 0x9e3779b9) + seed) >>> 8) / 2 ** 24 - 0.5;
    return isNorm ? 1 + value / 4 : value;
  });
}

function seedOf(name: string): number {
  return new TextEncoder().encode(name).reduce((seed, byte) => Math.imul(seed ^ byte, 0x01000193), 0x811c9dc5);
}

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return x ^ (x >>> 15);
}

function readReference<Content>(file: string): Content {
  return JSON.parse(readFileSync(join(import.meta.dirname, '../reference', file), 'utf8')) as Content;
}
