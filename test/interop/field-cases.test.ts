import { execFile } from 'node:child_process';
import { chmod, cp, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasShared, sharedPath, skipReason } from '../support/shared.js';

/** A Python with torch and transformers, for the cases that load an output with them. */
const PYTHON = process.env['PRUNECAST_PYTHON'] ?? 'python3';

/** The cases read results and errors, not progress. */
const QUIET_COMMAND = '_prunecast';
const QUIET_SCRIPT = `#!/bin/bash
[ "$1" = serve ] || set -- "$@" --quiet
exec '${process.execPath}' '${resolve(import.meta.dirname, '../../dist/src/cli/main.js')}' "$@"
`;

interface FieldCase {
  readonly symptom: string;
  /** Each must be found in what the case prints. */
  readonly right: readonly RegExp[];
  readonly wrong?: readonly RegExp[];
}

/** What each case prints when it is right; the values are those of transformers, or of a forward pass in float64. */
const CASES: Readonly<Record<string, FieldCase>> = {
  'bom-tokenizer': {
    symptom: 'reads a tokenizer and a JSON text that begin with a byte order mark',
    right: [/dense[^]*dense/],
    wrong: [/prunecast:/],
  },
  'bos-of-another-model': {
    symptom: 'measures each of several models with one tokenizer with its own BOS token',
    right: [/bos-5: .*148\.89/, /bos-1: .*150\.49/, /bos-none: prunecast: .*bos/i],
  },
  'colon-in-path': {
    symptom: 'finds a model below a folder with a colon in its name',
    right: [/261\.43/],
    wrong: [/prunecast:/],
  },
  'f16-overflow': {
    symptom: 'says what to do where a compensated value is beyond float16',
    right: [/^prunecast: (?!INTERNAL)[A-Z_]+: .*(?:F16|float16)/m],
  },
  'index-lists-absent-head': {
    symptom: 'evaluates a tied model whose index names a head that is stored nowhere',
    right: [/1\.920e\+6/],
  },
  'jsonl-as-text': {
    symptom: 'measures the texts of JSON lines, not their braces',
    right: [/data\.jsonl: dense \(unpruned\) +[\d,]+ +(\d\S+) .*\nplain\.txt: dense \(unpruned\) +[\d,]+ +\1 /],
  },
  'lfs-pointer': {
    symptom: 'calls a Git LFS pointer what it is',
    right: [/LFS[^]*LFS/i, /git lfs pull/],
    wrong: [/\d{12}/],
  },
  'nan-in-config': {
    symptom: 'reads a configuration with NaN as Python writes it, or says where it is',
    right: [/261\.43|line \d+/],
  },
  'no-model-prefix': { symptom: 'reads names without "model." as transformers does', right: [/3\.028e\+6/] },
  'non-finite-weights': {
    symptom: 'names the tensor that holds NaN or infinity, whatever is asked',
    right: [
      /nan evaluate: prunecast: .*model\.layers\.1\.mlp\.down_proj\.weight/,
      /inf evaluate: prunecast: .*model\.layers\.1\.mlp\.down_proj\.weight/,
      /inf prune: prunecast: .*model\.layers\.1\.mlp\.down_proj\.weight/,
      /inf search: prunecast: .*model\.layers\.1\.mlp\.down_proj\.weight/,
    ],
    wrong: [/INTERNAL/, /give more pairs/],
  },
  'overwrite-deletes': {
    symptom: 'overwrites nothing that it did not write',
    right: [/prunecast: [^]*mine\/notes\.txt\n.*mine\/sub\/data\.txt\nprunecast: /],
    wrong: [/No such file/],
  },
  'per-layer-old-transformers': {
    symptom: 'writes a per-layer model that transformers loads',
    right: [/\d+\.\d+[^]*\d+\.\d+/],
    wrong: [/Error/],
  },
  'replaced-shard': {
    symptom: 'sees a shard that was replaced while the server ran',
    right: [/242\.89/, /247\.97/],
    wrong: [/261\.68/],
  },
  'rope-linear': {
    symptom: 'evaluates linear and dynamic rotary scaling as transformers does',
    right: [/linear: .*150\.5[12]/, /dynamic: .*149\.8[78]/],
  },
  'sliding-window-unused': { symptom: 'evaluates windows that never reach a sliding window', right: [/261\.43/] },
  'symlinked-model': { symptom: 'follows links of the user who calls it', right: [/261\.43[^]*261\.43/] },
  'text-is-a-folder': { symptom: 'says that a text is a folder', right: [/INVALID_REQUEST.*folder/] },
  'text-not-utf8': {
    symptom: 'refuses texts that are not UTF-8, naming the byte',
    right: ['utf16\\.txt', 'latin1\\.txt', 'text\\.txt\\.gz', 'text\\.parquet'].map(
      (name) => new RegExp(`${name}: prunecast: INVALID_REQUEST.*byte`, 'i'),
    ),
    wrong: [/dense/],
  },
  'tied-head-differs': {
    symptom: 'does not drop a stored head from a model that says it is tied',
    right: [
      /261\.43|prunecast: .*lm_head\.weight.*embed_tokens\.weight|prunecast: .*embed_tokens\.weight.*lm_head\.weight/,
    ],
  },
  'tied-head-only': { symptom: "evaluates tied embeddings under the head's name", right: [/1\.920e\+6/] },
  'tokenizer-code': {
    symptom: "copies the tokenizer's own code, tekken.json and the licence",
    right: [/tokenization_own\.py/, /tekken\.json/, /LICENSE/],
  },
  'weight-bytes-of-f32': {
    symptom: 'counts weight bytes in the dtype that is written',
    right: [/([1-3]?\d{4}|4[0-2]\d{3}) bytes in the file written|prunecast: /],
  },
};

/** The files are read-only in their folder. */
async function makeWritable(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makeWritable(path);
    else if (entry.isFile()) await chmod(path, 0o644);
  }
}

/** Links are kept as files where the cases are stored. */
async function restoreLinks(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    await rm(join(home, name));
    await symlink(join('../disk', name), join(home, name));
  }
}

describe.skipIf(!hasShared)(`field cases${hasShared ? '' : `, skipped: ${skipReason}`}`, () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'prunecast-field-'));
    await cp(sharedPath('reference/field-cases'), folder, { recursive: true, verbatimSymlinks: true });
    await makeWritable(folder);
    await restoreLinks(join(folder, 'symlinked-model/home'));
    await writeFile(join(folder, QUIET_COMMAND), QUIET_SCRIPT, { mode: 0o755 });
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('knows what is right for every case that is there', async () => {
    const there = (await readdir(folder, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && entry.name !== 'lib' && !entry.name.startsWith('_'))
      .map(({ name }) => name);
    expect(Object.keys(CASES).toSorted()).toEqual(there.toSorted());
  });

  it.each(Object.entries(CASES).map(([name, { symptom, right, wrong = [] }]) => ({ name, symptom, right, wrong })))(
    '$symptom ($name)',
    async ({ name, right, wrong }) => {
      const { stdout } = await promisify(execFile)('bash', ['run.sh'], {
        cwd: join(folder, name),
        env: { ...process.env, PRUNECAST: join(folder, QUIET_COMMAND), PY: PYTHON, OLD_PY: PYTHON, TMPDIR: folder },
      });
      const printed = stdout.replace(/^ *RIGHT:.*$/gm, '');
      for (const pattern of right) expect(printed).toMatch(pattern);
      for (const pattern of wrong) expect(printed).not.toMatch(pattern);
    },
  );
});
