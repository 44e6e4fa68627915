import { describe, expect, it } from 'vitest';
import { commentOf, describeDefault, findField } from '../../../src/cli/proto/find-field.js';
import {
  DEFAULT_ANSWERS,
  DEFAULT_CALIBRATION,
  DEFAULT_CONTEXT_TOKENS,
  DEFAULT_CURVE_POINTS,
  DEFAULT_FIT_METRIC,
  DEFAULT_FIT_PREDICTOR,
  DEFAULT_FRONT_STRATEGY,
  DEFAULT_KV_BYTES,
  DEFAULT_MAX_RATE,
  DEFAULT_PAGE_SIZE,
  DEFAULT_PAIRS,
  DEFAULT_PLUGINS,
  DEFAULT_SEED,
  DEFAULT_SPACE,
  DEFAULT_WINDOWS,
  EFFORTS,
} from '../../../src/server/requests/defaults.js';

const { criterion, compensation, evaluator, exporter, predictor, strategy } = DEFAULT_PLUGINS;
const { quick, thorough } = EFFORTS;
const { pairs, pairTokens, rounds, candidates, finalists, verifyTokens, reportTokens } = EFFORTS.default;

/** A request, a path in it, and the default that its comment must state, as a whole or first. */
const DOCUMENTED: readonly (readonly [string, string, unknown])[] = [
  ['SearchRequest', 'recipes[0].criterion', criterion],
  ['SearchRequest', 'recipes[0].compensation', compensation],
  ['SearchRequest', 'recipes[0].seed', DEFAULT_SEED],
  ['SearchRequest', 'recipes[0].calibration.sequences', DEFAULT_CALIBRATION.sequences],
  ['SearchRequest', 'recipes[0].calibration.sequence_tokens', DEFAULT_CALIBRATION.sequenceTokens],
  ['SearchRequest', 'evaluator', evaluator],
  ['SearchRequest', 'exporter', exporter],
  ['SearchRequest', 'predictor', predictor],
  ['SearchRequest', 'strategy', `${strategy}, or ${DEFAULT_FRONT_STRATEGY}`],
  ['SearchRequest', 'candidates', candidates.toLocaleString('en-US')],
  ['SearchRequest', 'rounds', rounds],
  ['SearchRequest', 'seed', DEFAULT_SEED],
  ['SearchRequest', 'pairs.count', pairs],
  ['SearchRequest', 'pairs.tie_run', DEFAULT_PAIRS.tieRun],
  ['SearchRequest', 'pairs.band', DEFAULT_PAIRS.band],
  ['SearchRequest', 'verify.rungs', write(verifyTokens)],
  ['SearchRequest', 'report', reportTokens.toLocaleString('en-US')],
  ['SearchRequest', 'pairs.rungs', pairTokens.toLocaleString('en-US')],
  ['SearchRequest', 'verify.count', finalists],
  ['SearchRequest', 'windows.window', DEFAULT_WINDOWS.window],
  ['SearchRequest', 'windows.bos', DEFAULT_WINDOWS.bos],
  ['SearchRequest', 'space.min_rate', DEFAULT_SPACE.minRate],
  ['SearchRequest', 'budgets[0].context_tokens', DEFAULT_CONTEXT_TOKENS],
  ['PruneRequest', 'exporter', exporter],
  ['EvaluateRequest', 'measurement.evaluator', evaluator],
  ['FitPredictorRequest', 'predictor', DEFAULT_FIT_PREDICTOR],
  ['FitPredictorRequest', 'metrics', DEFAULT_FIT_METRIC],
  ['FitPredictorRequest', 'seed', DEFAULT_SEED],
  ['ExplainPredictorRequest', 'points', DEFAULT_CURVE_POINTS],
  ['QueryStudyRequest', 'count', DEFAULT_ANSWERS],
  ['ListJobsRequest', 'page_size', DEFAULT_PAGE_SIZE],
  ['ListPredictorsRequest', 'page_size', DEFAULT_PAGE_SIZE],
  ['ListStudiesRequest', 'page_size', DEFAULT_PAGE_SIZE],
  ['ListTrialsRequest', 'page_size', DEFAULT_PAGE_SIZE],
];

/** A path in a SearchRequest, and the name of its default in the table of efforts. */
const BY_EFFORT = [
  ['pairs.count', 'pairs'],
  ['pairs.rungs', 'pairTokens'],
  ['rounds', 'rounds'],
  ['candidates', 'candidates'],
  ['verify.count', 'finalists'],
  ['verify.rungs', 'verifyTokens'],
  ['report', 'reportTokens'],
] as const;

describe('the defaults that the protos document', () => {
  it.each(DOCUMENTED)('are those of the server: %s %s', (message, path, value) => {
    const told = describeDefault(`prunecast.v1.${message}`, path);
    // The value comes first; the sentence may continue. `120` must not pass for 12.
    expect(told?.startsWith(String(value))).toBe(true);
    expect(told?.charAt(String(value).length) ?? '').not.toMatch(/[\w.]/);
  });

  it('state the width of cache values and the highest rate in words', () => {
    expect(describeDefault('prunecast.v1.SearchRequest', 'budgets[0].bytes_per_number')).toContain(
      `a value in the cache ${DEFAULT_KV_BYTES}`,
    );
    expect(describeDefault('prunecast.v1.PruneRequest', 'space.max_rate')).toContain(`${DEFAULT_MAX_RATE} in Prune`);
  });

  it.each(BY_EFFORT)('are told for every effort: %s', (path, name) => {
    const comments = findField('prunecast.v1.SearchRequest', path)?.map(commentOf);
    expect(comments?.at(-1)).toContain(
      `With the effort QUICK ${write(quick[name])}, THOROUGH ${write(thorough[name])}.`,
    );
  });
});

function write(value: number | bigint | readonly bigint[]): string {
  return [value]
    .flat()
    .map((number) => number.toLocaleString('en-US'))
    .join(' and ');
}
