/** The kinds of plug-ins, as they are named on the command line. */
export const KINDS = [
  'criterion',
  'compensation',
  'evaluator',
  'predictor',
  'strategy',
  'exporter',
  'recovery',
] as const;
export type Kind = (typeof KINDS)[number];
