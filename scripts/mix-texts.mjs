import { readFile, writeFile } from 'node:fs/promises';

/*
 * node scripts/mix-texts.mjs OUT FILE...: one text of several kinds, for a recovery that should not overfit to one. The
 * paragraphs of a file (of *.jsonl each question with its right answer) are spread evenly over the text.
 */
const [out, ...files] = process.argv.slice(2);
if (out === undefined || files.length === 0) throw new Error('usage: node scripts/mix-texts.mjs OUT FILE...');
const texts = await Promise.all(files.map(readParagraphs));
const placed = texts.flatMap((paragraphs) =>
  paragraphs.map((paragraph, index) => ({ paragraph, place: (index + 0.5) / paragraphs.length })),
);
const mixed = placed.sort((a, b) => a.place - b.place).map(({ paragraph }) => paragraph);
await writeFile(out, `${mixed.join('\n\n')}\n`);
console.log(`${mixed.length} paragraphs, ${mixed.reduce((sum, { length }) => sum + length, 0)} characters`);

async function readParagraphs(file) {
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  return file.endsWith('.jsonl')
    ? lines.map((line) => describeTask(JSON.parse(line)))
    : lines.map((line) => line.trim());
}

function describeTask({ query, context_options: contexts, choices, continuation, gold }) {
  return contexts === undefined ? `${query} ${choices[gold]}` : `${contexts[gold]} ${continuation}`;
}
