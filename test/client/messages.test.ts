import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folder = resolve(root, 'src/gen/prunecast/v1');

describe('the client package', () => {
  it('exports every message and enum of the public API', () => {
    const exported = new Set(readFileSync(resolve(root, 'src/client/messages.ts'), 'utf8').match(/\w+/g));
    const generated = readdirSync(folder).flatMap((file) =>
      [...readFileSync(resolve(folder, file), 'utf8').matchAll(/^export (?:interface|type) (\w+)\b/gm)].map(
        ([, name]) => name ?? '',
      ),
    );
    const messages = generated.filter(
      (name) => !/_|^(?:MessageFns|DeepPartial)$|Service(?:Service|Server|Client)?$/.test(name),
    );
    expect(messages.length).toBeGreaterThan(100);
    expect(messages.filter((name) => !exported.has(name))).toEqual([]);
  });
});
