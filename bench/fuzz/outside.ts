import { createHash } from 'node:crypto';
import { cp, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';

/*
 * Files beside the roots of a fuzzed server, which it must neither read nor write. They are complete, so that a server
 * that follows a path out of its roots works with them, and their content says where it came from.
 */

/** Is in every file outside of the roots, and in no other. */
export const OUTSIDE_MARK = 'told-outside-of-the-roots';

/** Folders of the run: models and texts are roots, `outside` is not. */
const [MODELS, OUTSIDE, LINK] = ['models', 'outside', 'leads-outside'];

/** Paths out of the model root, as requests name them. */
export const OUTSIDE_PATHS: readonly string[] = [
  `../${OUTSIDE}`,
  `../${OUTSIDE}/text.txt`,
  LINK,
  `${LINK}/text.txt`,
  `${LINK}/new`,
];

/** What links of a damaged checkpoint lead to, relative to the checkpoint. */
export const OUTSIDE_LINKS: readonly string[] = ['config.json', 'model.safetensors', 'tokenizer.json'].map(
  (file) => `../../${OUTSIDE}/${file}`,
);

/** Makes the folder of the models and the one beside it. Returns their paths. */
export async function makeRoots(
  folder: string,
  demo: string,
  name: string,
): Promise<{ readonly models: string; readonly outside: string }> {
  const [models, outside] = [join(folder, MODELS), join(folder, OUTSIDE)];
  await mkdir(models, { recursive: true });
  await cp(demo, join(models, name), { recursive: true });
  await cp(demo, outside, { recursive: true });
  for (const file of ['config.json', 'tokenizer.json']) {
    const value = JSON.parse(await readFile(join(demo, file), 'utf8')) as Record<string, unknown>;
    // Errors tell a version or a type that they do not know.
    await writeFile(join(outside, file), JSON.stringify({ ...value, model_type: OUTSIDE_MARK, version: OUTSIDE_MARK }));
  }
  await writeFile(join(outside, 'text.txt'), `${OUTSIDE_MARK} `.repeat(500));
  await symlink(join('..', OUTSIDE), join(models, LINK));
  return { models, outside };
}

/** The digest of every file in a folder and below it, and where each link leads. */
export async function listContents(folder: string): Promise<ReadonlyMap<string, string>> {
  const contents = new Map<string, string>();
  for (const entry of await readdir(folder, { withFileTypes: true, recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    contents.set(
      relative(folder, path),
      entry.isFile()
        ? createHash('sha256')
            .update(await readFile(path))
            .digest('hex')
        : String((await stat(path)).ino),
    );
  }
  return contents;
}

/** What was added, removed or changed. */
export function findChanges(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path));
}
