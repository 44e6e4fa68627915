import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimFolder } from '../../../src/cli/demo/claim-folder.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'claim-folder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('claimFolder', () => {
  it('makes a folder, and removes it with all that is in it', async () => {
    const claimed = await claimFolder(join(folder, 'new'));
    writeFileSync(join(claimed.path, 'file'), '');
    await claimed.remove();
    expect(existsSync(claimed.path)).toBe(false);
  });

  it('refuses what exists or cannot be made, with the flag that helps', async () => {
    await expect(claimFolder(folder)).rejects.toThrow(`${folder} exists: name a folder that does not, with --output`);
    await expect(claimFolder(join(folder, 'missing', 'there'))).rejects.toThrow(
      /cannot make the folder .*there \(ENOENT.*--output/,
    );
  });
});
