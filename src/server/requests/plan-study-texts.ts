import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EvaluationPlan } from '../../core/ports/evaluator.js';
import type { FidelitySpec, Text, WindowProtocol } from '../../gen/prunecast/v1/common.js';
import type { SearchRequest, StudyMeasurement } from '../../gen/prunecast/v1/pruning.js';
import type { CalibrationSequences } from './calibration-sequences.js';
import { countStudyTokens } from './count-study-tokens.js';
import { DEFAULT_TEXT_SHARES } from './defaults.js';
import type { ChosenEvaluator } from './decode-windows.js';
import { planMeasurement, type PlannedPart } from './plan-measurement.js';
import type { RecipeDefaults } from './recipe.js';
import type { RequestServices } from './services.js';
import { withDocuments } from './window-preset.js';

/** The parts of a study's text whose windows are measured. */
export const TEXT_PARTS = ['search', 'verify', 'report'] as const;
export type TextPartName = (typeof TEXT_PARTS)[number];

/** The fidelity of each part's labels; those of verify in rungs, cheap to expensive. */
export interface PartFidelities {
  readonly search: PartFidelity;
  readonly verify: readonly PartFidelity[];
  /** Whether the request names the rungs of verify. */
  readonly verifyRungs: 'asked' | 'default';
  readonly report: PartFidelity;
}

export interface PartFidelity {
  readonly spec: FidelitySpec | undefined;
  readonly field: string;
}

/** What a study measures: the windows of each part, and what its recipes are calibrated on by default. */
export interface StudyWindows {
  readonly plans: PartPlans;
  readonly calibration: RecipeDefaults;
}

export interface PartPlans {
  readonly search: EvaluationPlan;
  /** One per rung. */
  readonly verify: readonly EvaluationPlan[];
  readonly report: EvaluationPlan;
}

/** The plan of a rung of a part; the only one if there is just one. Throws RangeError if there is none. */
export function planOf(
  plans: Partial<PartPlans>,
  { part, rung }: { readonly part: TextPartName; readonly rung: number },
): EvaluationPlan {
  const plan = part === 'verify' ? plans.verify?.[rung] : plans[part];
  if (plan === undefined) throw new RangeError(`the study has no ${part} windows of rung ${rung}`);
  return plan;
}

/**
 * Cuts a study's texts into windows.
 *
 * @throws PrunecastError INVALID_REQUEST, TEXT_TOO_SHORT, WINDOWS_OVERLAP, and those of texts
 */
export async function planStudyWindows(
  services: TextServices,
  request: TextsRequest,
  evaluator: ChosenEvaluator,
  fidelities: PartFidelities,
): Promise<StudyWindows> {
  const asked = { ...request, textTokens: countTokens(request, fidelities) };
  const search = await planPart(services, asked, evaluator, { name: 'search', ...fidelities.search });
  const verify: PlannedPart[] = [];
  for (const fidelity of fidelities.verify)
    verify.push(await planPart(services, asked, evaluator, { name: 'verify', ...fidelity }));
  const report = await planPart(services, asked, evaluator, { name: 'report', ...fidelities.report });
  // A short text may give two default rungs the same windows.
  const rungs = fidelities.verifyRungs === 'default' ? dropRepeats(verify) : verify;
  requireAscending(rungs, fidelities.verify);
  const plans = { search: search.plan, verify: rungs.map(({ plan }) => plan), report: report.plan };
  if (evaluator.plugin.reads !== 'nothing') refuseOverlaps(listPlans(plans), 'texts');
  return { plans, calibration: chooseCalibration(asked, evaluator, rungs.at(-1)) };
}

/**
 * The windows of the pairs, and the calibration text that a Search with the same texts would use, so that the two share
 * labels.
 *
 * @throws PrunecastError INVALID_REQUEST, TEXT_TOO_SHORT, and those of texts
 */
export async function planPairWindows(
  services: TextServices,
  request: TextsRequest,
  evaluator: ChosenEvaluator,
  fidelities: PartFidelities,
): Promise<{ readonly plan: EvaluationPlan; readonly calibration: RecipeDefaults }> {
  const asked = { ...request, textTokens: countTokens(request, fidelities) };
  const { plan: search } = await planPart(services, asked, evaluator, { name: 'search', ...fidelities.search });
  const hasOwn = (request.texts?.calibration ?? request.texts?.search) !== undefined;
  // If calibration shares a text with the verify windows, it ends where they begin.
  return {
    plan: search,
    calibration: chooseCalibration(
      asked,
      evaluator,
      hasOwn
        ? undefined
        : await planPart(services, asked, evaluator, {
            name: 'verify',
            ...(fidelities.verify.at(-1) ?? { spec: undefined, field: 'verify' }),
          }),
    ),
  };
}

type TextServices = Pick<RequestServices, 'model' | 'plugins' | 'loadText' | 'loadRows'>;

type TextsRequest = Pick<SearchRequest, 'texts' | 'windows' | 'recipes' | 'recovery'>;

/** With how many tokens of its texts the study needs. */
type AskedTexts = TextsRequest & { readonly textTokens: number };

function countTokens(request: TextsRequest, { search, verify, report }: PartFidelities): number {
  return countStudyTokens(request, {
    search: [search.spec],
    verify: verify.map(({ spec }) => spec),
    report: [report.spec],
  });
}

async function planPart(
  services: TextServices,
  request: AskedTexts,
  evaluator: ChosenEvaluator,
  {
    name,
    spec,
    field: fidelity,
  }: { readonly name: TextPartName; readonly spec: FidelitySpec | undefined; readonly field: string },
): Promise<PlannedPart> {
  const own = request.texts?.[name];
  const field = own === undefined ? 'texts.text' : `texts.${name}`;
  return planMeasurement(services, evaluator, {
    text: own ?? request.texts?.text,
    textTokens: request.textTokens,
    windows: request.windows,
    fidelity: spec,
    ...(own === undefined ? { part: DEFAULT_TEXT_SHARES[name] } : {}),
    fields: { evaluator: 'evaluator', text: field, windows: 'windows', fidelity },
  });
}

/**
 * What a further measurement runs in some parts of a study.
 *
 * @param first the windows of the first measurement: an evaluator that reads a text takes as many tokens by default
 * @throws PrunecastError as `planMeasurement`, and WINDOWS_OVERLAP
 */
export async function planFurther(
  services: TextServices,
  asked: StudyMeasurement,
  evaluator: ChosenEvaluator,
  {
    parts,
    first,
    windows,
    field,
  }: {
    readonly windows: WindowProtocol | undefined;
    readonly parts: readonly TextPartName[];
    readonly first: PartFidelities;
    readonly field: string;
  },
): Promise<FurtherPlans> {
  const plans: { name: TextPartName; plan: EvaluationPlan }[] = [];
  for (const name of parts) {
    const own = asked.texts?.[name];
    const named = ([name, 'search'] as const).find((part) => asked[part] !== undefined);
    const inFirst = name === 'verify' ? first.verify.at(-1) : first[name];
    const spec = named === undefined ? (evaluator.plugin.reads === 'text' ? inFirst?.spec : undefined) : asked[named];
    const { plan } = await planMeasurement(services, evaluator, {
      text: own ?? asked.texts?.text,
      textTokens: undefined,
      windows: asked.windows ?? (evaluator.plugin.reads === 'text' ? windows : undefined),
      fidelity: spec,
      ...(own === undefined ? { part: DEFAULT_TEXT_SHARES[name] } : {}),
      fields: {
        evaluator: `${field}.evaluator`,
        text: own === undefined ? `${field}.texts.text` : `${field}.texts.${name}`,
        windows: `${field}.windows`,
        fidelity: named === undefined ? `${field}.search` : `${field}.${named}`,
      },
    });
    plans.push({ name, plan });
  }
  if (evaluator.plugin.reads !== 'nothing') refuseOverlaps(plans, `${field}.texts`);
  const of = (part: TextPartName): EvaluationPlan[] => plans.flatMap(({ name, plan }) => (name === part ? [plan] : []));
  const [search] = of('search');
  if (search === undefined) throw new RangeError('a study measures pairs');
  const [report] = of('report');
  return { search, verify: of('verify'), ...(report === undefined ? {} : { report }) };
}

/** A sample has the search part only. */
export type FurtherPlans = Pick<PartPlans, 'search'> & Partial<PartPlans>;

/**
 * Refuses sequences to calibrate or train on that share a token with a verify or report window.
 *
 * @param asked `what` is how a message names one of them, `field` the path of their text in the request
 * @throws PrunecastError WINDOWS_OVERLAP
 */
export function refuseTextOverlap(
  plans: StudyWindows['plans'],
  { starts, textTokens, textDigest }: CalibrationSequences,
  { what, field }: { readonly what: string; readonly field: string },
): void {
  for (const { name, plan } of listPlans(plans).filter((listed) => listed.name !== 'search')) {
    if (plan.measurement.textDigest !== textDigest) continue;
    const shared = findOverlap(
      starts.map((from) => ({ from, to: from + textTokens })),
      rangesOf(plan),
    );
    if (shared !== undefined)
      throw overlap(field, `${what} and a ${name} window share token ${shared} of the text`, 'texts.text');
  }
}

function listPlans({
  search,
  verify,
  report,
}: PartPlans): { readonly name: TextPartName; readonly plan: EvaluationPlan }[] {
  return [
    { name: 'search', plan: search },
    ...verify.map((plan) => ({ name: 'verify' as const, plan })),
    { name: 'report', plan: report },
  ];
}

/** Without the rungs that run no less than the next one. */
function dropRepeats(planned: readonly PlannedPart[]): PlannedPart[] {
  return planned.filter(
    ({ plan: { fidelity } }, rung) => fidelity.tokens < (planned[rung + 1]?.plan.fidelity.tokens ?? Infinity),
  );
}

/** Each rung of verification must cost more than the one before. */
function requireAscending(planned: readonly PlannedPart[], fidelities: PartFidelities['verify']): void {
  planned.forEach(({ plan: { fidelity } }, rung) => {
    const before = planned[rung - 1]?.plan.fidelity;
    if (
      before === undefined ||
      fidelity.tokens > before.tokens ||
      (fidelity.tokens === before.tokens && fidelity.precision !== before.precision)
    )
      return;
    throw PrunecastError.ofField(
      fidelities[rung]?.field ?? 'verify.rungs',
      `runs ${fidelity.tokens} tokens, no more than the rung before it: list rungs from cheap to expensive`,
    );
  });
}

function chooseCalibration(
  { texts, windows, textTokens }: AskedTexts,
  { plugin }: ChosenEvaluator,
  verify: PlannedPart | undefined,
): RecipeDefaults {
  const read = (text: Text | undefined): Text | undefined => withDocuments(text, windows, 'windows');
  const own = read(texts?.calibration ?? (plugin.reads === 'text' ? texts?.search : undefined));
  if (own !== undefined) return { text: own, bos: windows?.bos, textTokens };
  // What an evaluator of another kind reads is no text to calibrate on.
  if (plugin.reads !== 'text') return { bos: windows?.bos, textTokens };
  // The first verify window may begin a little before the middle: windows are whole.
  const middle =
    texts?.verify === undefined && verify?.text !== undefined
      ? (verify.plan.fidelity.items[0] ?? 0) / verify.text.tokens.length
      : DEFAULT_TEXT_SHARES.search.to;
  return {
    text: read(texts?.text),
    part: { from: 0, to: Math.min(middle, DEFAULT_TEXT_SHARES.search.to) },
    bos: windows?.bos,
    textTokens,
  };
}

/**
 * Parts that must not overlap: the choice is made on windows that no label has seen, and the report on windows that
 * neither has seen.
 */
const APART = [
  ['verify', 'search'],
  ['report', 'search'],
  ['report', 'verify'],
] as const;

function refuseOverlaps(
  listed: readonly { readonly name: TextPartName; readonly plan: EvaluationPlan }[],
  field: string,
): void {
  for (const [a, b] of APART) {
    for (const { plan } of listed.filter(({ name }) => name === a)) {
      for (const { plan: other } of listed.filter(({ name }) => name === b)) {
        if (plan.measurement.textDigest !== other.measurement.textDigest) continue;
        const shared = findOverlap(rangesOf(plan), rangesOf(other));
        if (shared !== undefined)
          throw overlap(
            `${field}.${a}`,
            plan.measurement.window === 0
              ? `${a} and ${b} share item ${shared}`
              : `a ${a} window and a ${b} window share token ${shared} of the text`,
            `${field}.text`,
          );
      }
    }
  }
}

/** Half-open, of tokens or items. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** The tokens of the text that a plan's windows take; of what has no windows, the items. */
function rangesOf({ sequences, measurement: { window, bos }, fidelity: { items } }: EvaluationPlan): Range[] {
  const added = bos ? 1 : 0;
  // Windows of documents are of different lengths.
  const lengthOf = (item: number): number =>
    window > 0 && sequences.length === items.length ? (sequences[item]?.tokens.length ?? 0) - added : window - added;
  return items.map((from, item) => ({ from, to: from + Math.max(1, lengthOf(item)) }));
}

/** The first token that a range of each share. */
function findOverlap(a: readonly Range[], b: readonly Range[]): number | undefined {
  const [ranges, others] = [a, b].map((list) => list.toSorted((one, other) => one.from - other.from)) as [
    Range[],
    Range[],
  ];
  let next = 0;
  for (const { from, to } of ranges) {
    while (next < others.length && (others[next] as Range).to <= from) next++;
    const other = others[next];
    if (other !== undefined && other.from < to) return Math.max(from, other.from);
  }
  return undefined;
}

/** @param whole path of the text that all parts share */
function overlap(field: string, description: string, whole: string): PrunecastError {
  return PrunecastError.ofField(
    field,
    `${description}: name separate texts, or one in \`${whole}\` alone, of which each part takes its own`,
    'WINDOWS_OVERLAP',
  );
}
