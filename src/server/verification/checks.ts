import {
  CheckOutcome,
  type LogitDifference,
  type OutputCheck,
  type WeightComparison,
} from '../../gen/prunecast/v1/file.js';

/** Where a check looked, a form of the output, and a file if one is at fault; and what it measured. */
interface Place {
  readonly folder?: string;
  readonly file?: string;
  readonly weights?: WeightComparison;
  readonly logits?: LogitDifference;
  readonly unrounded?: LogitDifference;
}

/** What is checked of an output. */
export type CheckName = 'manifest' | 'files' | 'sizes' | 'weights' | 'logits';

export function passed(name: CheckName, finding: string, place: Place = {}): OutputCheck {
  return makeCheck(name, CheckOutcome.PASSED, finding, place);
}

export function failed(name: CheckName, finding: string, place: Place = {}): OutputCheck {
  return makeCheck(name, CheckOutcome.FAILED, finding, place);
}

export function notChecked(name: CheckName, finding: string, place: Place = {}): OutputCheck {
  return makeCheck(name, CheckOutcome.NOT_CHECKED, finding, place);
}

function makeCheck(
  name: CheckName,
  outcome: CheckOutcome,
  finding: string,
  { folder = '', file = '', weights, logits, unrounded }: Place,
): OutputCheck {
  return { name, outcome, finding, folder, file, weights, logits, unrounded };
}
