import { execFile } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { FileContent, FuzzCheckpoint, FuzzTensor } from './mutate-checkpoint.js';

const INDEX = 'model.safetensors.index.json';

/** Writes a checkpoint with its damage into a new folder. */
export async function writeCheckpoint(directory: string, checkpoint: FuzzCheckpoint): Promise<void> {
  const files = encodeFiles(checkpoint);
  for (const damage of checkpoint.damage) damage(files);
  await mkdir(directory, { recursive: true });
  for (const [name, content] of files) await writeContent(join(directory, name), content);
}

async function writeContent(path: string, content: FileContent): Promise<void> {
  if (content === 'folder') await mkdir(path);
  else if (content === 'pipe') await promisify(execFile)('mkfifo', [path]);
  else if (content instanceof Uint8Array) await writeFile(path, content);
  else await symlink(content.link, path);
}

function encodeFiles({ config, tensors, tokenizer, shards }: FuzzCheckpoint): Map<string, FileContent> {
  const files = new Map<string, FileContent>([
    ['config.json', encodeJson(config)],
    ['tokenizer.json', encodeJson(tokenizer)],
  ]);
  if (shards === 1) return files.set('model.safetensors', encodeTensors(tensors));
  const map: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const name = `model-0000${shard + 1}-of-0000${shards}.safetensors`;
    const own = tensors.filter((_, index) => index % shards === shard);
    for (const { name: tensor } of own) map[tensor] = name;
    files.set(name, encodeTensors(own));
  }
  return files.set(INDEX, encodeJson({ metadata: {}, weight_map: map }));
}

/** In Python's form: NaN and infinities are words. */
function encodeJson(value: unknown): Uint8Array {
  const marked = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'number' && !Number.isFinite(part) ? `<<${part}>>` : part,
  );
  return new TextEncoder().encode(marked.replaceAll(/"<<(NaN|-?Infinity)>>"/g, '$1'));
}

function encodeTensors(tensors: readonly FuzzTensor[]): Uint8Array {
  const header = Object.create(null) as Record<string, unknown>;
  let offset = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + bytes.length] };
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...tensors.map(({ bytes }) => bytes)]);
}
