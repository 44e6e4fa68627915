import { stripSpace } from '../python-text.js';
import { LETTERS, type MmluRow } from './read-subjects.js';

/**
 * `harness`: as lm-evaluation-harness writes it. `original`: as evaluate.py of MMLU's authors does, with two blanks
 * before the subject, and white space around questions left as it is.
 */
export type PromptForm = 'harness' | 'original';

/** Raised when prompts change, as they are part of what is measured. */
export const PROMPT_VERSION = 1;

/** The prompt of a question: the subject, examples with their answers, the question with its choices, and `Answer:`. */
export function writePrompt(subject: string, examples: readonly MmluRow[], row: MmluRow, form: PromptForm): string {
  const about = `${form === 'original' ? ' ' : ''}${subject.replaceAll('_', ' ')}`;
  return [
    `The following are multiple choice questions (with answers) about ${about}.`,
    ...examples.map((example) => `${ask(example, form)} ${LETTERS[example.gold]}`),
    ask(row, form),
  ].join('\n\n');
}

function ask({ question, choices }: MmluRow, form: PromptForm): string {
  const options = choices.map((choice, index) => `\n${LETTERS[index]}. ${choice}`).join('');
  return `${form === 'original' ? question : stripSpace(question)}${options}\nAnswer:`;
}
