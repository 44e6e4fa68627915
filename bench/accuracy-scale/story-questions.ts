import { createRng } from '../../src/core/random.js';

/** A beginning ends with a sentence, when it has so many words or more. */
const BEGINNING_WORDS = 12;

const CONTINUATION_WORDS = 8;

const CHOICES = 4;

/**
 * One question per story that is long enough: after which beginning, its own or those of three other stories, is its
 * continuation the most likely? A tiny model can answer it, as what it likes by itself does not count.
 */
export function makeStoryQuestions(
  stories: readonly string[],
): { readonly context_options: readonly string[]; readonly continuation: string; readonly gold: number }[] {
  const rng = createRng(1);
  const told = stories.flatMap((story) => {
    const words = story.split(/\s+/);
    const end = 1 + words.findIndex((word, place) => place >= BEGINNING_WORDS - 1 && /[.!?]"?$/.test(word));
    const next = words.slice(end, end + CONTINUATION_WORDS);
    return end === 0 || next.length < CONTINUATION_WORDS
      ? []
      : [{ beginning: words.slice(0, end).join(' '), continuation: next.join(' ') }];
  });
  return told.map(({ beginning, continuation }, index) => {
    const others = Array.from(
      { length: CHOICES - 1 },
      (_, place) => told[(index + 1 + place) % told.length]?.beginning ?? '',
    );
    const gold = rng.integer(CHOICES);
    return { context_options: others.toSpliced(gold, 0, beginning), continuation, gold };
  });
}
