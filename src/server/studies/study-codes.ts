import {
  StudyPhase as PhaseCode,
  TextPart as PartCode,
  TrialRole as RoleCode,
} from '../../gen/prunecast/v1/study_types.js';
import type { StudyPhase } from '../../search/study/plan.js';
import type { TextPart, TrialRole } from '../../search/study/trial.js';

/** The search core's words as the API numbers them. */
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
  finished: PhaseCode.EXPORT,
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
} as const satisfies Record<TrialRole, RoleCode>;
