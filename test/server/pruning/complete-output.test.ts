import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createLeaseOwner } from '../../../src/server/jobs/lease-owner.js';
import { createOutputFolders } from '../../../src/server/adapters/files/output-folder.js';
import { completeOutput } from '../../../src/server/pruning/complete-output.js';
import { addToCard } from '../../../src/server/pruning/write-card-report.js';
import { makeFolder } from '../../engine/checkpoint/tiny-checkpoint.js';

const REPORT = {
  fingerprint: 'abc',
  metrics: { perplexity: 11.5 },
  recovered: false,
  dense: { perplexity: 4.62 },
  controls: [{ name: 'uniform-best', metrics: { perplexity: 12.345678 } }],
  lifts: [
    { control: 'uniform-best', metric: 'perplexity', lift: 0.0685, interval: [0.012, 0.1249] as [number, number] },
  ],
};
const CARD = '---\nlibrary_name: transformers\ntags:\n- pruned\n- prunecast\n---\n# A pruned model\n';
const TARGET = { output: 'winner', reads: [] };

const fill = async (directory: string, extra: object, names: Readonly<Record<string, string>>) => {
  const texts = { ...names, 'prunecast.json': JSON.stringify({ job_id: 'job-1', ...extra }) };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(directory, name), text);
  return {
    files: Object.keys(texts),
    bytes: Object.values(texts).reduce((sum, text) => sum + Buffer.byteLength(text), 0),
  };
};

/** An output of job 1: in a folder each if `folders` names them. */
async function writeOutput(folders: readonly string[] = []) {
  const root = await makeFolder();
  const outputs = createOutputFolders({
    root,
    kept: [],
    owner: createLeaseOwner(),
    leaseMs: 60_000,
    now: () => Date.now(),
  });
  await outputs.write(TARGET, 'refuse', async (directory, seal) => {
    if (folders.length === 0) return fill(directory, {}, { 'README.md': CARD, weights: 'weights' });
    const files: string[] = [];
    let bytes = 0;
    for (const folder of folders) {
      await mkdir(join(directory, folder));
      const written = await fill(join(directory, folder), {}, { 'README.md': CARD, weights: `weights of ${folder}` });
      const sealed = await seal(folder, written);
      files.push(...sealed.files.map((file) => `${folder}/${file}`));
      bytes += sealed.bytes;
    }
    const own = await fill(directory, { exports: folders.map((folder) => ({ folder })) }, {});
    return { files: [...files, ...own.files], bytes: bytes + own.bytes };
  });
  const read = (file: string): Promise<string> => readFile(join(root, 'winner', file), 'utf8');
  return {
    outputs,
    read,
    inode: async (file: string) => (await stat(join(root, 'winner', file))).ino,
    manifest: async (folder = '') =>
      JSON.parse(await read(join(folder, 'prunecast.json'))) as {
        readonly report?: unknown;
        readonly files: Record<string, number>;
        readonly digests: Record<string, string>;
      },
  };
}

describe('completeOutput', () => {
  it('adds the report to manifest and card of an output, whose weights it does not write again', async () => {
    const { outputs, read, inode, manifest } = await writeOutput();
    const before = await inode('weights');
    await completeOutput(outputs, TARGET, REPORT, 'job-1');
    expect(await inode('weights')).toBe(before);
    const card = await read('README.md');
    expect(card.startsWith(CARD)).toBe(true);
    expect(card).toContain(
      '| unpruned | 4.62 |\n| this one | 11.5 |\n| `uniform-best` | 12.3457 |\n\nHow much better it is than each',
    );
    expect(card).toContain('| `perplexity` | `uniform-best` | 6.9 % | 1.2 % to 12.5 % |');
    const { report, files, digests } = await manifest();
    expect(report).toEqual(REPORT);
    expect(files).toEqual({ 'README.md': Buffer.byteLength(card), weights: 7 });
    expect(digests).toEqual({
      'README.md': createHash('sha256').update(card).digest('hex'),
      weights: createHash('sha256').update('weights').digest('hex'),
    });
  });

  it('does so in every form of an output', async () => {
    const { outputs, read, inode, manifest } = await writeOutput(['hf', 'small']);
    const before = await inode('small/weights');
    await completeOutput(outputs, TARGET, REPORT, 'job-1');
    expect(await inode('small/weights')).toBe(before);
    for (const folder of ['', 'hf', 'small']) expect((await manifest(folder)).report).toEqual(REPORT);
    const digest = createHash('sha256')
      .update(await read('hf/README.md'))
      .digest('hex');
    expect((await manifest('hf')).digests['README.md']).toBe(digest);
    expect((await manifest()).digests['hf/README.md']).toBe(digest);
  });

  it('is the same done twice, and leaves what another job wrote and cards of others alone', async () => {
    const { outputs, read } = await writeOutput();
    await completeOutput(outputs, TARGET, REPORT, 'job-2');
    expect(await read('README.md')).toBe(CARD);
    await completeOutput(outputs, { ...TARGET, output: 'gone' }, REPORT, 'job-1');
    expect(addToCard('# Mine\n', REPORT)).toBe('# Mine\n');
    await completeOutput(outputs, TARGET, REPORT, 'job-1');
    const once = await read('README.md');
    await completeOutput(outputs, TARGET, REPORT, 'job-1');
    expect(await read('README.md')).toBe(once);
  });
});
