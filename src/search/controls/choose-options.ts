/** One of these options is to be chosen. */
export interface Choice {
  /** The value of each option; their sum over all choices is to be as small as possible. */
  readonly values: Float64Array;
  /** The costs of each option, budget by budget. */
  readonly costs: readonly Float64Array[];
}

export interface ChosenOptions {
  /** The chosen option of each choice. */
  readonly options: readonly number[];
  readonly value: number;
  /**
   * No selection within the limits has a smaller value than this; equal to `value` if that is proven to be the least.
   */
  readonly bound: number;
}

/**
 * One option per choice, with the least total value whose total costs stay within all limits (the multiple-choice
 * knapsack problem). Lagrangian multipliers give a bound and a first selection, options that the bound rules out are
 * dropped, and dynamic programming over the choices finds the best of the rest, without states that are dominated or
 * ruled out. Exact unless more than `MOST_STATES` states are left at once: then only the most promising are kept, and
 * `bound` tells what may be lost. Undefined if nothing meets the limits. Yields every few milliseconds of its work.
 *
 * Kellerer, Pferschy, Pisinger, "Knapsack Problems" (2004), chapter 11.
 */
export function* chooseOptions(
  choices: readonly Choice[],
  limits: readonly number[],
): Generator<void, ChosenOptions | undefined> {
  const cheapest = limits.map((_, budget) => choices.map(({ costs }) => least(costs[budget] ?? new Float64Array())));
  const multipliers = yield* findMultipliers(choices, limits);
  const priced = choices.map((choice) => priceOptions(choice, multipliers));
  const lowest = priced.map(least);
  const bound = sum(lowest) - limits.reduce((total, limit, budget) => total + limit * (multipliers[budget] ?? 0), 0);
  let incumbent = yield* improve(choices, limits, startWithin(choices, limits, priced));
  yield;
  // The small terms keep what only rounding would rule out.
  const worst = incumbent?.value ?? Number.POSITIVE_INFINITY;
  let states: State[] = [{ costs: limits.map(() => 0), value: 0, excess: 0, option: -1, parent: undefined }];
  let isProven = true;
  for (const [index, choice] of choices.entries()) {
    const rest = limits.map((limit, budget) => limit - sum((cheapest[budget] ?? []).slice(index + 1)));
    const next = yield* extendStates(states, {
      choice,
      excess: (priced[index] ?? new Float64Array()).map((price) => price - (lowest[index] ?? 0)),
      rest,
      most: (worst - bound) * (1 + 1e-9) + 1e-12,
    });
    states = dropDominated(next);
    if (states.length > MOST_STATES) {
      isProven = false;
      states = states.sort((a, b) => a.excess - b.excess).slice(0, MOST_STATES);
    }
    yield;
  }
  for (const state of states)
    if (state.value < (incumbent?.value ?? Number.POSITIVE_INFINITY))
      incumbent = { options: unwind(state), value: state.value };
  return incumbent === undefined
    ? undefined
    : { ...incumbent, bound: isProven ? incumbent.value : Math.min(bound, incumbent.value) };
}

/** 50 choices of 3 to 1,536 options with rough values come within 2e-4 of the bound in about a second. */
const MOST_STATES = 5000;

/** A selection of the first choices. */
interface State {
  readonly costs: readonly number[];
  readonly value: number;
  /** Its Lagrangian value beyond the least that these choices can have: what it adds to the bound. */
  readonly excess: number;
  readonly option: number;
  readonly parent: State | undefined;
}

interface Step {
  readonly choice: Choice;
  /** Of each option. */
  readonly excess: Float64Array;
  /** What the choices up to this one may cost, budget by budget. */
  readonly rest: readonly number[];
  /** A state with more excess cannot beat the known selection. */
  readonly most: number;
}

function* extendStates(states: readonly State[], { choice, excess, rest, most }: Step): Generator<void, State[]> {
  const found = new Map<number | string, State>();
  let steps = 0;
  for (const parent of states) {
    for (let option = 0; option < excess.length; option++) {
      const added = parent.excess + (excess[option] as number);
      if (added > most) continue;
      if (++steps % 5000 === 0) yield;
      const costs = parent.costs.map((cost, budget) => cost + (choice.costs[budget]?.[option] ?? 0));
      if (costs.some((cost, budget) => cost > (rest[budget] ?? 0))) continue;
      const state = { costs, value: parent.value + (choice.values[option] as number), excess: added, option, parent };
      const key = costs.length === 1 ? (costs[0] ?? 0) : costs.join();
      const known = found.get(key);
      if (known === undefined || state.value < known.value) found.set(key, state);
    }
  }
  yield;
  return [...found.values()];
}

/**
 * Drops states that cost at least as much as another one and are no better. With several budgets only equal costs are
 * compared.
 */
function dropDominated(states: State[]): State[] {
  if ((states[0]?.costs.length ?? 0) !== 1) return states;
  let best = Number.POSITIVE_INFINITY;
  return states
    .sort((a, b) => (a.costs[0] ?? 0) - (b.costs[0] ?? 0))
    .filter(({ value }) => {
      if (value >= best) return false;
      best = value;
      return true;
    });
}

function unwind(state: State): number[] {
  const options: number[] = [];
  for (let at: State | undefined = state; at?.parent !== undefined; at = at.parent) options.unshift(at.option);
  return options;
}

/** Multipliers of at least 0 that make the bound large, found by bisection, one budget after the other. */
function* findMultipliers(choices: readonly Choice[], limits: readonly number[]): Generator<void, number[]> {
  const multipliers = limits.map(() => 0);
  const rounds = limits.length === 1 ? 1 : 8;
  const spentAt = (budget: number, multiplier: number): number => {
    multipliers[budget] = multiplier;
    return sum(choices.map((choice) => choice.costs[budget]?.[leastAt(priceOptions(choice, multipliers))] ?? 0));
  };
  for (let round = 0; round < rounds; round++) {
    for (const [budget, limit] of limits.entries()) {
      if (spentAt(budget, 0) <= limit) continue;
      let [low, high] = [0, 1e-12];
      for (; spentAt(budget, high) > limit && high < 1e30; high *= 16) {
        low = high;
        yield;
      }
      for (let halvings = 0; halvings < 60; halvings++) {
        const middle = (low + high) / 2;
        if (spentAt(budget, middle) > limit) low = middle;
        else high = middle;
        yield;
      }
      multipliers[budget] = high;
    }
  }
  return multipliers;
}

/** The value of each option plus its costs times their multipliers. */
function priceOptions({ values, costs }: Choice, multipliers: readonly number[]): Float64Array {
  return values.map((value, option) =>
    costs.reduce((total, cost, budget) => total + (multipliers[budget] ?? 0) * (cost[option] as number), value),
  );
}

interface Selection {
  readonly options: readonly number[];
  readonly value: number;
}

/**
 * The options of least price if they meet the limits, else the cheapest by their shares of the limits; undefined if
 * neither meets them.
 */
function startWithin(
  choices: readonly Choice[],
  limits: readonly number[],
  priced: readonly Float64Array[],
): number[] | undefined {
  const candidates = [
    priced.map(leastAt),
    choices.map(({ values, costs }) =>
      leastAt(
        values.map((_, option) =>
          Math.max(...costs.map((cost, budget) => (cost[option] as number) / (limits[budget] || 1))),
        ),
      ),
    ),
  ];
  return candidates.find((options) => limits.every((limit, budget) => spend(choices, options, budget) <= limit));
}

/** Changes one choice at a time to the option that improves the value most and still fits, until none does. */
function* improve(
  choices: readonly Choice[],
  limits: readonly number[],
  start: number[] | undefined,
): Generator<void, Selection | undefined> {
  if (start === undefined) return undefined;
  const options = [...start];
  const left = limits.map((limit, budget) => limit - spend(choices, options, budget));
  for (;;) {
    let best = { gain: 0, index: -1, option: -1 };
    choices.forEach(({ values, costs }, index) => {
      const now = options[index] ?? 0;
      values.forEach((value, option) => {
        const gain = (values[now] as number) - value;
        if (
          gain > best.gain &&
          costs.every((cost, budget) => (cost[option] as number) - (cost[now] as number) <= (left[budget] ?? 0))
        )
          best = { gain, index, option };
      });
    });
    const chosen = choices[best.index];
    if (chosen === undefined) break;
    const now = options[best.index] ?? 0;
    chosen.costs.forEach((cost, budget) => {
      left[budget] = (left[budget] ?? 0) - (cost[best.option] as number) + (cost[now] as number);
    });
    options[best.index] = best.option;
    yield;
  }
  return { options, value: sum(choices.map(({ values }, index) => values[options[index] ?? 0] ?? 0)) };
}

function spend(choices: readonly Choice[], options: readonly number[], budget: number): number {
  return sum(choices.map(({ costs }, index) => costs[budget]?.[options[index] ?? 0] ?? 0));
}

function least(values: Float64Array): number {
  return values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
}

function leastAt(values: Float64Array): number {
  return values.reduce((best, value, index) => (value < (values[best] as number) ? index : best), 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
