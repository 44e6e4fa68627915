import { readdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');

/** A comment with the licence texts of all packages that the bundled files come from, each once; empty for none. */
export function writeNotice(inputs) {
  const folders = [...new Set(inputs.flatMap((path) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []))];
  if (folders.length === 0) return '';
  const byText = new Map();
  for (const folder of folders.sort()) {
    const { name, version, license } = JSON.parse(readFileSync(resolve(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(resolve(root, folder)).find((path) => /^licen[cs]e/i.test(path));
    if (file === undefined) throw new Error(`${name} has no licence file, so it cannot be bundled`);
    const text = `${license}\n${readFileSync(resolve(root, folder, file), 'utf8').trim()}`;
    byText.set(text, [...(byText.get(text) ?? []), `${name} ${version}`]);
  }
  const notices = [...byText].map(([text, names]) => `${names.join(', ')}: ${text}`);
  return `/*!\n${notices.join('\n\n')}\n*/`.replaceAll(/<\//g, '< /');
}
