import { describe, expect, it } from 'vitest';
import { FidelitySpec, Recipe, RecoverySpec, Text, WindowProtocol } from '../../../src/gen/prunecast/v1/common.js';
import { StudyTexts } from '../../../src/gen/prunecast/v1/pruning.js';
import { countStudyTokens } from '../../../src/server/requests/count-study-tokens.js';

const limit = (tokenLimit: number) => FidelitySpec.fromPartial({ tokenLimit: BigInt(tokenLimit) });
const text = Text.fromPartial({ source: { $case: 'path', value: 'a.txt' } });
const windows = WindowProtocol.fromPartial({ window: 100 });
const few = Recipe.fromPartial({ calibration: { sequences: 8, sequenceTokens: 10 } });

const FIDELITIES = { search: [limit(1000)], verify: [limit(500), limit(2000)], report: [limit(100_000)] };

describe('the tokens that a study needs of a text', () => {
  it('are those of the part that needs most, whole windows from its share of the text', () => {
    // The report is a quarter of the text: 4 * (100,000 + 2 * 100).
    const asked = { texts: StudyTexts.fromPartial({ text }), windows, recipes: [few] };
    expect(countStudyTokens(asked, FIDELITIES)).toBe(400_800);
  });

  it('are as many as its windows take if the part has a text of its own', () => {
    const asked = { texts: StudyTexts.fromPartial({ text, report: text }), windows, recipes: [few] };
    expect(countStudyTokens(asked, FIDELITIES)).toBe(100_200);
  });

  it('count the calibration, in the half of the text that it may use', () => {
    const asked = { texts: StudyTexts.fromPartial({ text }), windows, recipes: [] };
    const least = { search: [limit(100)], verify: [limit(100)], report: [limit(100)] };
    // 320 sequences of 128 tokens by default, and two that are not taken: 322 * 128 / 0.5.
    expect(countStudyTokens(asked, least)).toBe(82_432);
    const long = Recipe.fromPartial({ calibration: { sequences: 1000, sequenceTokens: 100, text } });
    expect(countStudyTokens({ ...asked, recipes: [few, long] }, least)).toBe(100_200);
  });

  it('are the same with a recovery, which takes what there is, unless it names more sequences', () => {
    const asked = { texts: StudyTexts.fromPartial({ text }), windows, recipes: [] };
    const least = { search: [limit(100)], verify: [limit(100)], report: [limit(100)] };
    const plugin = { id: 'distill' };
    const all = RecoverySpec.fromPartial({ plugin, text: { text } });
    expect(countStudyTokens({ ...asked, recovery: all }, least)).toBe(82_432);
    const more = RecoverySpec.fromPartial({ plugin, text: { sequences: 1000, sequenceTokens: 128 } });
    expect(countStudyTokens({ ...asked, recovery: more }, least)).toBe((1002 * 128) / 0.5);
  });

  it('are all of them if a part has no limit', () => {
    const asked = { texts: StudyTexts.fromPartial({ text }), windows, recipes: [] };
    expect(countStudyTokens(asked, { ...FIDELITIES, report: [undefined] })).toBe(Infinity);
  });
});
