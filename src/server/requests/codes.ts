import type { CostSpec } from '../../core/budget/cost-spec.js';
import type { Precision } from '../../core/measurement.js';
import type { DimensionKind } from '../../core/space/search-space.js';
import {
  BudgetKind,
  DimensionKind as DimensionKindCode,
  Precision as PrecisionCode,
} from '../../gen/prunecast/v1/common.js';
import {
  Control as ControlCode,
  StudyPhase as PhaseCode,
  TextPart as PartCode,
  TrialRole as RoleCode,
} from '../../gen/prunecast/v1/study_types.js';
import type { ControlName, StudyPhase, UniformControl } from '../../search/study/plan.js';
import type { TextPart, TrialRole } from '../../search/study/trial.js';

/** The API's numbers for words of the core and of the search. */
export const KIND_CODES = {
  kv_heads: DimensionKindCode.KV_HEADS,
  query_heads_per_kv: DimensionKindCode.QUERY_HEADS_PER_KV,
  ffn_channels: DimensionKindCode.FFN_CHANNELS,
} as const satisfies Record<DimensionKind, DimensionKindCode>;

export const BUDGET_CODES = {
  parameters: BudgetKind.PARAMETERS,
  weight_bytes: BudgetKind.WEIGHT_BYTES,
  kv_cache_bytes_per_token: BudgetKind.KV_CACHE_BYTES_PER_TOKEN,
  flops_per_token: BudgetKind.FLOPS_PER_TOKEN,
  latency_ms: BudgetKind.LATENCY_MS,
} as const satisfies Record<CostSpec['kind'], BudgetKind>;

export const PRECISION_CODES = {
  float32: PrecisionCode.FLOAT32,
  int8: PrecisionCode.INT8,
} as const satisfies Record<Precision, PrecisionCode>;

export const PHASE_CODES = {
  score: PhaseCode.SCORE,
  recipe: PhaseCode.RECIPE,
  sample: PhaseCode.SAMPLE,
  fit: PhaseCode.FIT,
  refine: PhaseCode.REFINE,
  search: PhaseCode.SEARCH,
  verify: PhaseCode.VERIFY,
  controls: PhaseCode.CONTROLS,
  report: PhaseCode.REPORT,
  export: PhaseCode.EXPORT,
  finished: PhaseCode.FINISHED,
} as const satisfies Record<StudyPhase, PhaseCode>;

export const PART_CODES = {
  search: PartCode.SEARCH,
  verify: PartCode.VERIFY,
  report: PartCode.REPORT,
} as const satisfies Record<TextPart, PartCode>;

export const ROLE_CODES = {
  pair: RoleCode.PAIR,
  finalist: RoleCode.FINALIST,
  control: RoleCode.CONTROL,
  dense: RoleCode.DENSE,
  winner: RoleCode.WINNER,
  recovered: RoleCode.RECOVERED,
} as const satisfies Record<TrialRole, RoleCode>;

/** A control in the form of reports. */
export type ControlRow = ControlName | `paper-recipe/${UniformControl}`;

export const CONTROL_CODES = {
  'uniform-paper': ControlCode.UNIFORM_PAPER,
  'uniform-best': ControlCode.UNIFORM_BEST,
  'global-threshold': ControlCode.GLOBAL_THRESHOLD,
  'calibration-error': ControlCode.CALIBRATION_ERROR,
  random: ControlCode.RANDOM,
  'paper-recipe/uniform-paper': ControlCode.PAPER_RECIPE_UNIFORM_PAPER,
  'paper-recipe/uniform-best': ControlCode.PAPER_RECIPE_UNIFORM_BEST,
} as const satisfies Record<ControlRow, ControlCode>;

/** All controls, in the order of reports. */
export const CONTROL_ROWS = Object.keys(CONTROL_CODES) as ControlRow[];
