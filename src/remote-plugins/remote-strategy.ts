import { pluginInvalid, type PluginCall } from '../core/ports/plugin-errors.js';
import type { DeferredRun, ObjectivePredictions, SearchProblem, Strategy } from '../core/ports/strategy.js';
import { countsKey, type Counts } from '../core/space/search-space.js';
import type { Points, StrategyInfo } from '../gen/prunecast/plugin/v1/plugin.js';
import { readInt32, toBytes } from './little-endian.js';
import type { RemoteManifest } from './remote-manifest.js';
import type { RemoteProcess } from './remote-process.js';
import { openReplayedRun, type RunStep } from './replayed-run.js';

/** The most points of one answer. */
const MOST_POINTS = 4096;

/** Bytes of points in one message, well below what a message may have. */
const PIECE_BYTES = 1_000_000;

/** A strategy of which this many answers in a row have no point that can be predicted would ask for ever. */
const MOST_IDLE = 100;

/** A strategy of another process. Its points are made feasible here: it need not know what a budget costs. */
export function createRemoteStrategy(
  manifest: RemoteManifest,
  info: StrategyInfo,
  remote: RemoteProcess,
): Strategy<unknown, DeferredRun> {
  return {
    ...manifest,
    kind: 'strategy',
    objectives: info.manyObjectives ? 'any' : 'one',
    start: (problem, options) => startRun(manifest.id, problem, options, info, remote),
  };
}

function startRun(
  id: string,
  problem: SearchProblem,
  options: unknown,
  { samplesPerAsk }: StrategyInfo,
  remote: RemoteProcess,
): DeferredRun {
  const { space, sampler } = problem;
  const at = (method: string): PluginCall => ({ kind: 'strategy', id, method });
  const samplesRng = problem.rng.fork('samples');
  const repairRng = problem.rng.fork('repair');
  const run = openReplayedRun(remote, describeStart(id, problem, options));
  /** All points so far. */
  const known = new Set<string>();
  /** The points of the last `ask`, as they are predicted. */
  let asked: readonly Counts[] = [];

  const readPoints = (method: string, points: Points | undefined): Counts[] => {
    const columns = space.dimensions.length;
    const counts = readInt32(points?.counts ?? new Uint8Array());
    if (counts === undefined || counts.length % columns !== 0)
      throw pluginInvalid(
        at(method),
        `gave ${points?.counts.length} bytes of points; each has ${columns} counts of 4 bytes`,
      );
    if (counts.length > MOST_POINTS * columns)
      throw pluginInvalid(at(method), `gave ${counts.length / columns} points; at most ${MOST_POINTS} are allowed`);
    return Array.from({ length: counts.length / columns }, (_, row) => [
      ...counts.subarray(row * columns, (row + 1) * columns),
    ]);
  };

  const makeFeasible = (counts: Counts): Counts | undefined => {
    if (sampler.isFeasible(counts)) return counts;
    const allowed = counts.map((count, index) => nearestOf(space.dimensions[index]?.counts ?? [], count));
    return sampler.isFeasible(allowed) ? allowed : sampler.repair(allowed, repairRng);
  };

  const askOnce = async (): Promise<'over' | readonly Counts[]> => {
    const samples = Array.from({ length: samplesPerAsk }, () => sampler.sample(samplesRng)).filter(isPoint);
    const answer = await run.ask(at('ask'), { $case: 'ask', value: { samples: encodePoints(samples) } });
    const points = readPoints('ask', answer.points);
    if (points.length === 0) return 'over';
    return points.map(makeFeasible).filter((point): point is Counts => {
      if (point === undefined || known.has(countsKey(point)) || known.size >= problem.candidates) return false;
      known.add(countsKey(point));
      return true;
    });
  };

  return {
    ask: async () => {
      for (let idle = 0; idle < MOST_IDLE && known.size < problem.candidates; idle++) {
        const points = await askOnce();
        if (points === 'over') return [];
        asked = points;
        if (points.length > 0) return points;
        run.say(describeTell([], undefined));
      }
      return [];
    },
    tell: (predictions) => Promise.resolve(run.say(describeTell(asked, predictions))),
    best: async (count) => {
      const value = { count: Math.min(count, MOST_POINTS) };
      const answer = await run.ask(at('best'), { $case: 'best', value });
      return readPoints('best', answer.points);
    },
    end: () => run.end(),
  };
}

/** What a run begins with. */
function describeStart(id: string, problem: SearchProblem, options: unknown): RunStep[] {
  const { space, candidates, evaluated, rng } = problem;
  const start = {
    id,
    options: options as Record<string, unknown>,
    seed: BigInt(rng.fork('seed').integer(2 ** 53)),
    dimensions: space.dimensions.map(({ name, kind, size, counts }) => ({ name, kind, size, counts: [...counts] })),
    candidates,
    objectives: evaluated[0]?.values.length ?? 1,
  };
  const steps: RunStep[] = [{ $case: 'start', value: start }];
  const each = 4 * space.dimensions.length + 8 * start.objectives;
  const most = Math.max(1, Math.floor(PIECE_BYTES / each));
  for (let from = 0; from < evaluated.length; from += most) {
    const some = evaluated.slice(from, from + most);
    const value = {
      points: encodePoints(some.map(({ counts }) => counts)),
      values: toBytes(Float64Array.from(some.flatMap(({ values }) => [...values]))),
    };
    steps.push({ $case: 'evaluated', value });
  }
  return steps;
}

function describeTell(points: readonly Counts[], predictions: ObjectivePredictions | undefined): RunStep {
  const objectives = (predictions ?? []).map(({ mean, deviation }) => ({
    means: toBytes(mean),
    deviations: deviation === undefined ? Buffer.alloc(0) : toBytes(deviation),
  }));
  return { $case: 'tell', value: { points: encodePoints(points), objectives } };
}

function encodePoints(points: readonly Counts[]): Points {
  return { counts: toBytes(Int32Array.from(points.flat())) };
}

function isPoint(counts: Counts | undefined): counts is Counts {
  return counts !== undefined;
}

function nearestOf(allowed: readonly number[], count: number): number {
  return allowed.reduce(
    (best, other) => (Math.abs(other - count) < Math.abs(best - count) ? other : best),
    allowed[0] ?? 0,
  );
}
