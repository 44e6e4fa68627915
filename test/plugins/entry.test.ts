import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ENTRY = resolve(import.meta.dirname, '../../src/plugins/index.ts');
const read = (file: string): string => readFileSync(file, 'utf8');
const sourceOf = (from: string, path: string): string => resolve(dirname(from), path.replace(/\.js$/, '.ts'));
const namesIn = (list: string): string[] => list.split(',').flatMap((name) => name.trim().split(/\s+/).slice(-1));

describe('prunecast/plugin', () => {
  it('exports every type that the types it exports are made of', () => {
    const text = read(ENTRY);
    const whole = [...text.matchAll(/^export (?:type )?\* from '([^']+)'/gm)].map(([, path = '']) =>
      sourceOf(ENTRY, path),
    );
    const exported = new Set([
      ...[...text.matchAll(/^export (?:type )?\{([^}]*)\}/gm)].flatMap(([, list = '']) => namesIn(list)),
      ...whole.flatMap((file) =>
        [...read(file).matchAll(/^export (?:interface|type|const|function|class) (\w+)/gm)].map(
          ([, name = '']) => name,
        ),
      ),
    ]);
    const files = [...text.matchAll(/ from '(\.[^']+)'/g)].map(([, path = '']) => sourceOf(ENTRY, path));
    const used = [...new Set(files)].flatMap((file) =>
      [...read(file).matchAll(/^import type \{([^}]*)\} from '\./gm)].flatMap(([, list = '']) =>
        namesIn(list).map((name) => ({ file, name })),
      ),
    );
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter(({ name }) => name !== '' && !exported.has(name))).toEqual([]);
  });
});
