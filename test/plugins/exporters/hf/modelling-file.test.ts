import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAMILIES } from '../../../../src/engine/families/find-family.js';
import {
  MODELLING_FILE,
  MODELLING_SOURCE,
  namePerLayerClasses,
} from '../../../../src/plugins/exporters/hf/modelling-file.js';
import { makeFolder } from '../../../engine/checkpoint/tiny-checkpoint.js';

const PYTHON = process.env['PRUNECAST_PYTHON'] ?? 'python3';
const hasPython = spawnSync(PYTHON, ['-c', '']).status === 0;

/** Stands in for torch and transformers: every name in them is an empty class; only the version is real. */
const IMPORT_WITH = `
import sys, types
class Fake(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__") or any(name.startswith(late) and sys.argv[1] < since for late, since in (("Ministral", "4.57"), ("Qwen3", "4.51"))):
            raise AttributeError(name)
        return type(name, (), {})
families = (${FAMILIES.map(({ modelling }) => JSON.stringify(modelling.module)).join(', ')})
for name in ["torch", "torch.nn", "transformers", "transformers.models", *(f"transformers.models.{f}{part}" for f in families for part in ("", f".modeling_{f}"))]:
    sys.modules[name] = Fake(name)
sys.modules["torch"].nn = sys.modules["torch.nn"]
sys.modules["transformers"].__version__ = sys.argv[1]
sys.path.insert(0, sys.argv[2])
import modeling_prunecast
print(getattr(modeling_prunecast, sys.argv[3]).__name__)
`;

async function importWith(
  version: string,
  name: string,
): Promise<{ readonly printed: string; readonly error: string }> {
  const folder = await makeFolder();
  await writeFile(join(folder, MODELLING_FILE), MODELLING_SOURCE);
  const { stdout, stderr } = spawnSync(PYTHON, ['-c', IMPORT_WITH, version, folder, name], { encoding: 'utf8' });
  return { printed: stdout.trim(), error: stderr.trim().split('\n').at(-1) ?? '' };
}

describe.skipIf(!hasPython)(`the modelling file of an hf export (needs Python, ${PYTHON})`, () => {
  it.each(['4.45.2', '4.47.0.dev0', '4.9.1', '3.0.2'])(
    'says at import which transformers it needs when it is %s',
    async (version) => {
      expect((await importWith(version, 'PrunecastLlamaForCausalLM')).error).toBe(
        `ImportError: a checkpoint whose layers differ from one another needs transformers 4.48 or later, this is ${version}: run pip install --upgrade transformers`,
      );
    },
  );

  it.each(['4.48.0', '4.54.0', '4.57.1', '5.0.0rc1', '5.23.0', '10.1.0'])(
    'is imported by transformers %s',
    async (version) => {
      expect(await importWith(version, 'PrunecastLlamaForCausalLM')).toEqual({
        printed: 'PrunecastLlamaForCausalLM',
        error: '',
      });
    },
  );

  it.each(FAMILIES.map((family) => [family.id, namePerLayerClasses(family.modelling)] as const))(
    'defines the classes of the family %s',
    async (_, classes) => {
      for (const name of Object.values(classes)) expect((await importWith('5.0.0', name)).printed).toBe(name);
    },
  );

  it('says that a Mistral with a window in some layers needs transformers 4.57, where there is no Ministral', async () => {
    expect((await importWith('4.57.1', 'PrunecastMinistralForCausalLM')).printed).toBe('PrunecastMinistralForCausalLM');
    expect((await importWith('4.56.2', 'PrunecastMinistralForCausalLM')).error).toMatch(
      /^ImportError: .*needs transformers 4.57 or later, this is 4.56.2/,
    );
  });
});
