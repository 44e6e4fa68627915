import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { identityRanking } from '../src/core/model/units.js';
import type { Sequence } from '../src/core/sequence.js';
import { openCheckpoint } from '../src/engine/checkpoint/open-checkpoint.js';
import type { LanguageModel } from '../src/engine/language-model.js';
import { openLanguageModel } from '../src/engine/open-language-model.js';
import { parseRows } from '../src/engine/texts/parse-rows.js';
import { loadTokenizer } from '../src/engine/tokenizer/tokenizer.js';

/*
 * npm run bench:prefixes -- --model DIR --mmlu DIR: what it saves to run the tokens once that sequences begin with alike,
 * on few-shot questions of MMLU, each with its four answers. The same sequences run whole in the same run.
 */

const { values: flags } = parseArgs({
  options: {
    model: { type: 'string', default: 'models/smollm2' },
    /** The folder of MMLU, with `dev` and `test`. */
    mmlu: { type: 'string', default: '../shared/data/mmlu' },
    subjects: {
      type: 'string',
      default: 'abstract_algebra,anatomy,astronomy,business_ethics,clinical_knowledge',
    },
    /** Of each subject, those that are run; the tokens are counted for all of them too. */
    questions: { type: 'string', default: '8' },
    shots: { type: 'string', default: '5' },
  },
});

const LETTERS = ['A', 'B', 'C', 'D'] as const;
const signal = new AbortController().signal;

const checkpoint = await openCheckpoint(resolve(flags.model));
const model = await openLanguageModel(checkpoint);
const tokenizer = await loadTokenizer(checkpoint.files);
if (tokenizer === undefined) throw new Error('the checkpoint has no tokenizer.json');
const { encodeAll } = tokenizer;
const subjects = await Promise.all(flags.subjects.split(',').map(readPrompts));
const [taken, all] = [
  await tokenize(subjects.flatMap((prompts) => prompts.slice(0, Number(flags.questions)))),
  await tokenize(subjects.flat()),
];
const subject = model.subject({ ranking: identityRanking(model.shape.layers) });
const shareOf = (sequences: readonly Sequence[]): number =>
  subject.countTokens({ sequences }) / subject.countTokens({ sequences, prefixes: 'apart' });

await measure(model, taken.slice(0, 4), 'shared'); // reads the weights
const [shared, apart] = [await measure(model, taken, 'shared'), await measure(model, taken, 'apart')];
const difference = Math.max(...shared.losses.map((loss, span) => Math.abs(loss - (apart.losses[span] ?? Number.NaN))));
await model.close();

const rows = [
  ['questions', `${taken.length / LETTERS.length} of ${all.length / LETTERS.length}`],
  ['tokens, each sequence whole', String(subject.countTokens({ sequences: taken, prefixes: 'apart' }))],
  ['tokens run', String(subject.countTokens({ sequences: taken }))],
  ['  share', shareOf(taken).toFixed(3)],
  ['  share for all questions', shareOf(all).toFixed(3)],
  ...(['seconds', 'processor seconds'] as const).flatMap((time) => [
    [`${time}, each sequence whole`, apart[time].toFixed(1)],
    [time, shared[time].toFixed(1)],
    ['  share', (shared[time] / apart[time]).toFixed(3)],
  ]),
  ['largest difference of a loss', difference.toExponential(1)],
];
console.log(`${basename(flags.model)}: MMLU, ${flags.shots} shots, ${subjects.length} subjects`);
for (const [name = '', value = ''] of rows) console.log(`  ${name.padEnd(40)}${value.padStart(14)}`);

/** The prompts of a subject's questions, each without its answer, in the form of Hendrycks et al. (arXiv 2009.03300). */
async function readPrompts(name: string): Promise<string[]> {
  const [shots, questions] = await Promise.all(
    ['dev', 'test'].map(async (part) => {
      const bytes = new Uint8Array(await readFile(join(resolve(flags.mmlu), part, `${name}_${part}.csv`)));
      return (await parseRows(bytes, 'csv')).map(({ values }) => values as readonly string[]);
    }),
  );
  const examples = (shots ?? []).slice(0, Number(flags.shots)).map((row) => `${ask(row)} ${row.at(-1)}\n\n`);
  const about = `The following are multiple choice questions (with answers) about ${name.replaceAll('_', ' ')}.\n\n`;
  return (questions ?? []).map((row) => `${about}${examples.join('')}${ask(row)}`);
}

/** Four sequences of each prompt, one per answer, whose last tokens are scored. */
async function tokenize(prompts: readonly string[]): Promise<Sequence[]> {
  const [contexts, answers] = await Promise.all([encodeAll(prompts), encodeAll(LETTERS.map((letter) => ` ${letter}`))]);
  return contexts.flatMap((context) =>
    answers.map((answer) => ({
      tokens: Int32Array.of(...context, ...answer),
      spans: [{ from: context.length, to: context.length + answer.length }],
    })),
  );
}

async function measure(
  of: LanguageModel,
  sequences: readonly Sequence[],
  prefixes: 'shared' | 'apart',
): Promise<{ readonly seconds: number; readonly 'processor seconds': number; readonly losses: Float64Array }> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  for await (const { losses } of of
    .subject({ ranking: identityRanking(of.shape.layers) })
    .observe([of.shape.layers], { sequences, prefixes }, { signal })) {
    const { user, system } = process.cpuUsage(before);
    return { seconds: (performance.now() - started) / 1000, 'processor seconds': (user + system) / 1e6, losses };
  }
  throw new Error('nothing was observed');
}

/** @param row a question, its four answers and the letter of the right one */
function ask([question = '', ...choices]: readonly string[]): string {
  return [question, ...LETTERS.map((letter, index) => `${letter}. ${choices[index]}`), 'Answer:'].join('\n');
}
