import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  Control,
  Effort,
  JobState,
  Preset,
  StudyPhase,
  type DeepPartial,
  type SearchRequest,
} from '../../../src/client/index.js';
import { EFFORTS } from '../../../src/server/requests/defaults.js';
import { startServer } from '../../../src/server/start-server.js';
import { CRITERIA } from '../../support/criteria-reference.js';
import { DEMO, smallSearch, startVerbServer, tokenText, type VerbServer } from './verb-server.js';

let verbs: VerbServer;
beforeAll(async () => {
  verbs = await startVerbServer({ startServer });
});
afterAll(() => verbs[Symbol.asyncDispose]());

const IDS = CRITERIA.evaluation_ids.flat();
/**
 * Long enough for every default: a quarter of it is more than the report of the dearest effort. Windows that begin alike
 * would run once, so each pass over the ids takes them in another step.
 */
const LONG_TEXT = tokenText(
  Array.from({ length: 300_000 }, (_, index) => {
    const pass = Math.floor(index / IDS.length);
    return IDS[(index * (2 * pass + 1) + pass) % IDS.length] ?? 0;
  }),
);

/** What a user who names only model, text and budget asks for. */
const asked = (changes: DeepPartial<SearchRequest> = {}): DeepPartial<SearchRequest> => ({
  model: DEMO,
  budgets: [{ limit: { $case: 'removedShare', value: 0.25 } }],
  texts: { text: LONG_TEXT },
  ...changes,
});

const tokensOf = async (changes: DeepPartial<SearchRequest>): Promise<number> =>
  Number((await verbs.client.planSearch(asked(changes))).tokens);

describe('the effort of a Search', () => {
  it('decides how many tokens it takes: quick half of the default at most, thorough three to five times as many', async () => {
    const unset = await tokensOf({});
    expect(await tokensOf({ effort: Effort.DEFAULT })).toBe(unset);
    expect(await tokensOf({ effort: Effort.QUICK })).toBeLessThan(unset / 2);
    const thorough = (await tokensOf({ effort: Effort.THOROUGH })) / unset;
    expect(thorough).toBeGreaterThan(3);
    expect(thorough).toBeLessThan(5);
  });

  it.each<[string, DeepPartial<SearchRequest>]>([
    ['pairs.count', { pairs: { count: EFFORTS.default.pairs } }],
    ['pairs.rungs', { pairs: { rungs: [{ tokenLimit: EFFORTS.default.pairTokens }] } }],
    ['rounds and verify.count', { rounds: EFFORTS.default.rounds, verify: { count: 6 } }],
    ['verify.rungs', { verify: { rungs: EFFORTS.default.verifyTokens.map((tokenLimit) => ({ tokenLimit })) } }],
    ['report', { report: { tokenLimit: EFFORTS.default.reportTokens } }],
    ['controls', { controls: [Control.RANDOM] }],
    ['recipes', { recipes: [{ criterion: { id: 'fluctuation' } }, { criterion: { id: 'wanda' } }] }],
  ])('gives way to a field that is set: %s', async (_field, changes) => {
    const quick = await tokensOf({ effort: Effort.QUICK });
    expect(await tokensOf({ effort: Effort.QUICK, ...changes })).toBeGreaterThan(quick);
  });

  it('changes nothing if all that it decides is set', async () => {
    const all = smallSearch();
    const plan = await verbs.client.planSearch(all);
    expect(await verbs.client.planSearch({ ...all, effort: Effort.THOROUGH })).toMatchObject({
      tokens: plan.tokens,
      trials: plan.trials,
    });
  });

  it('verifies on one rung if the text is too short for two', async () => {
    const short = asked({ texts: { text: tokenText(IDS.slice(0, 4096)) } });
    expect((await verbs.client.planSearch(short)).tokens).toBeGreaterThan(0n);
    const two = { rungs: EFFORTS.default.verifyTokens.map((tokenLimit) => ({ tokenLimit })) };
    await expect(verbs.client.planSearch({ ...short, verify: two })).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'verify.rungs[1]' }],
    });
  });

  it('is refused beside the preset PAPER, which has its own numbers', async () => {
    await expect(verbs.client.planSearch(asked({ preset: Preset.PAPER, effort: Effort.QUICK }))).rejects.toMatchObject({
      reason: 'INVALID_REQUEST',
      violations: [{ field: 'effort' }],
    });
  });

  it('is stored as numbers: a study is not resumed once they mean something else', async () => {
    const request = { ...smallSearch({ effort: Effort.QUICK }), pairs: { rungs: [{ tokenLimit: 256n }] } };
    let jobId = '';
    for await (const event of verbs.client.search({ ...request, pauseBefore: [StudyPhase.SAMPLE] })) {
      ({ jobId } = event);
      if (event.payload?.$case === 'paused') break;
    }
    const { jobs } = verbs.client.services;
    const before = EFFORTS.quick.pairs;
    try {
      Object.assign(EFFORTS.quick, { pairs: before + 2 });
      await expect(jobs.resumeJob({ jobId, ranges: [] })).rejects.toMatchObject({
        reason: 'JOB_NOT_RESUMABLE',
        metadata: { field: 'study.pairs.count', was: String(before), is: String(before + 2) },
      });
    } finally {
      Object.assign(EFFORTS.quick, { pairs: before });
    }
    await jobs.resumeJob({ jobId, ranges: [] });
    await jobs.cancelJob({ jobId });
    await vi.waitFor(async () => expect((await jobs.getJob({ jobId })).job?.state).toBe(JobState.CANCELLED));
  });
});
