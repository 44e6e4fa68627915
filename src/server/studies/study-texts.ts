import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { EvaluationPlan, EvaluationText, Evaluator } from '../../core/ports/evaluator.js';
import type { FidelitySpec, WindowProtocol } from '../../gen/prunecast/v1/common.js';
import type { StudyTexts } from '../../gen/prunecast/v1/pruning.js';
import { decodeProtocol } from '../evaluation/decode-protocol.js';
import { planWindows } from '../evaluation/plan-windows.js';
import type { OpenModel } from '../models/open-models.js';
import type { CalibrationSequences } from '../recipes/calibration-sequences.js';
import type { RecipeDefaults } from '../recipes/recipe-spec.js';
import type { TextSource } from '../texts/text-source.js';

/** The parts of a study's text whose windows are measured. */
export const TEXT_PARTS = ['search', 'verify', 'report'] as const;
export type TextPartName = (typeof TEXT_PARTS)[number];

/** From one text: calibration and search share the first half, verify and report have a quarter each. */
const SHARES = {
  search: { from: 0, to: 0.5 },
  verify: { from: 0.5, to: 0.75 },
  report: { from: 0.75, to: 1 },
} as const satisfies Record<TextPartName, { from: number; to: number }>;

/** How good the labels of each part are. */
export type PartFidelities = Readonly<Record<TextPartName, { readonly spec: FidelitySpec | undefined; readonly field: string }>>;

/** What a study measures: the windows of each part, and what its recipes are calibrated on by default. */
export interface StudyWindows {
  readonly plans: Readonly<Record<TextPartName, EvaluationPlan>>;
  readonly calibration: RecipeDefaults;
}

/**
 * Cuts a study's texts into windows.
 *
 * @throws PrunecastError INVALID_REQUEST, TEXT_TOO_SHORT, WINDOWS_OVERLAP, and those of texts
 */
export async function planStudyWindows(
  texts: TextSource,
  model: OpenModel,
  request: TextsRequest,
  evaluator: { readonly plugin: Evaluator; readonly options: unknown },
  fidelities: PartFidelities,
): Promise<StudyWindows> {
  const plan = (name: TextPartName) => planPart(texts, model, request, evaluator, { name, ...fidelities[name] });
  const [search, verify, report] = [await plan('search'), await plan('verify'), await plan('report')];
  const plans = { search: search.plan, verify: verify.plan, report: report.plan };
  refuseOverlaps(plans);
  return { plans, calibration: chooseCalibration(request, verify) };
}

/**
 * The windows of pairs alone, and the calibration text that a Search with the same texts would take, so that their labels
 * are shared.
 *
 * @throws PrunecastError INVALID_REQUEST, TEXT_TOO_SHORT, and those of texts
 */
export async function planPairWindows(
  texts: TextSource,
  model: OpenModel,
  request: TextsRequest,
  evaluator: { readonly plugin: Evaluator; readonly options: unknown },
  fidelities: Pick<PartFidelities, 'search' | 'verify'>,
): Promise<{ readonly plan: EvaluationPlan; readonly calibration: RecipeDefaults }> {
  const plan = (name: 'search' | 'verify') => planPart(texts, model, request, evaluator, { name, ...fidelities[name] });
  const { plan: search } = await plan('search');
  const hasOwn = (request.texts?.calibration ?? request.texts?.search) !== undefined;
  // Where calibration shares one text with the windows of verify, it ends where those begin.
  return { plan: search, calibration: chooseCalibration(request, hasOwn ? undefined : await plan('verify')) };
}

interface TextsRequest {
  readonly texts: StudyTexts | undefined;
  readonly windows: WindowProtocol | undefined;
}

interface PlannedPart {
  readonly plan: EvaluationPlan;
  readonly text: EvaluationText;
}

async function planPart(
  texts: TextSource,
  model: OpenModel,
  request: TextsRequest,
  evaluator: { readonly plugin: Evaluator; readonly options: unknown },
  { name, spec, field: fidelity }: { readonly name: TextPartName; readonly spec: FidelitySpec | undefined; readonly field: string },
): Promise<PlannedPart> {
  const own = request.texts?.[name];
  const field = own === undefined ? 'texts.text' : `texts.${name}`;
  const text = await texts.load(own ?? request.texts?.text, model, field);
  const protocol = decodeProtocol(request.windows, spec, text, model.language.checkpoint.config.maxPositions, { windows: 'windows', fidelity });
  return { plan: planWindows(evaluator, text, own === undefined ? { ...protocol, part: SHARES[name] } : protocol, field), text };
}

/** Refuses calibration sequences that share a token with a verify or report window. Throws WINDOWS_OVERLAP. */
export function refuseCalibrationOverlap(plans: StudyWindows['plans'], { starts, textTokens, textDigest }: CalibrationSequences, field: string): void {
  for (const name of ['verify', 'report'] as const) {
    if (plans[name].measurement.textDigest !== textDigest) continue;
    const shared = findOverlap({ starts, length: textTokens }, spanOf(plans[name]));
    if (shared !== undefined) throw overlap(field, `a calibration sequence and a ${name} window share token ${shared} of the text`);
  }
}

function chooseCalibration({ texts, windows }: TextsRequest, verify: PlannedPart | undefined): RecipeDefaults {
  const own = texts?.calibration ?? texts?.search;
  if (own !== undefined) return { text: own, bos: windows?.bos };
  // The first verify window may begin a little before the middle: windows are whole.
  const middle = texts?.verify === undefined && verify !== undefined ? (verify.plan.windows[0]?.start ?? 0) / verify.text.tokens.length : SHARES.search.to;
  return { text: texts?.text, part: { from: 0, to: Math.min(middle, SHARES.search.to) }, bos: windows?.bos };
}

/** Pairs of parts that must be apart: the choice is made on windows that no label has seen, the report on windows that neither has. */
const APART = [['verify', 'search'], ['report', 'search'], ['report', 'verify']] as const;

function refuseOverlaps(plans: StudyWindows['plans']): void {
  for (const [a, b] of APART) {
    if (plans[a].measurement.textDigest !== plans[b].measurement.textDigest) continue;
    const shared = findOverlap(spanOf(plans[a]), spanOf(plans[b]));
    if (shared !== undefined) throw overlap(`texts.${a}`, `a ${a} window and a ${b} window share token ${shared} of the text`);
  }
}

interface Spans {
  readonly starts: readonly number[];
  readonly length: number;
}

function spanOf({ windows, measurement }: EvaluationPlan): Spans {
  return { starts: windows.map(({ start }) => start), length: measurement.window - (measurement.bos ? 1 : 0) };
}

/** The first token that spans of both share. */
function findOverlap(a: Spans, b: Spans): number | undefined {
  const others = [...b.starts].sort((x, y) => x - y);
  return a.starts.map((start) => {
    const next = others.findIndex((other) => other + b.length > start);
    const other = others[next];
    return other !== undefined && other < start + a.length ? Math.max(start, other) : undefined;
  }).find((token) => token !== undefined);
}

function overlap(field: string, description: string): PrunecastError {
  return PrunecastError.ofField(field, `${description}: send separate texts, or one text for all in \`texts.text\``, 'WINDOWS_OVERLAP');
}
