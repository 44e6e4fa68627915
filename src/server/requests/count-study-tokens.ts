import type { FidelitySpec, Recipe, RecoverySpec, WindowProtocol } from '../../gen/prunecast/v1/common.js';
import type { StudyTexts } from '../../gen/prunecast/v1/pruning.js';
import { countCalibrationText } from './calibration-sequences.js';
import { DEFAULT_CALIBRATION, DEFAULT_TEXT_SHARES, DEFAULT_WINDOWS } from './defaults.js';
import { findConvention, windowOf } from './window-preset.js';

/** What a study takes from its texts. */
interface StudyParts {
  readonly texts: StudyTexts | undefined;
  readonly windows: WindowProtocol | undefined;
  readonly recipes: readonly Recipe[];
  readonly recovery?: RecoverySpec | undefined;
}

/**
 * How many tokens a text of a study needs so that each of its parts and its calibration can be taken from it; infinite
 * if a part has no limit.
 *
 * One number for all texts of the study: two parts may name the same file, and whether they share a token is seen only
 * if both saw the same text. Pairs ask for as many as a Search with the same request, so that the two share labels. A
 * recovery takes what there is, unless it names more sequences: with one, a study has the same windows as without.
 */
export function countStudyTokens(
  { texts, windows, recipes, recovery }: StudyParts,
  fidelities: Readonly<Record<keyof typeof DEFAULT_TEXT_SHARES, readonly (FidelitySpec | undefined)[]>>,
): number {
  const convention = findConvention(windows, 'windows');
  const window =
    windows?.window ?? (convention === undefined ? DEFAULT_WINDOWS.window : windowOf(convention, Infinity));
  const parts = Object.entries(DEFAULT_TEXT_SHARES).flatMap(([name, share]) => {
    const part = name as keyof typeof DEFAULT_TEXT_SHARES;
    // Windows are whole, and so a part may lose one at either end.
    return fidelities[part].map(
      (spec) =>
        (Number(spec?.tokenLimit ?? Infinity) + 2 * window) / (texts?.[part] === undefined ? share.to - share.from : 1),
    );
  });
  const hasOwn = (texts?.calibration ?? texts?.search) !== undefined;
  const calibrations = [undefined, ...recipes.map(({ calibration }) => calibration), recovery?.text].map((asked) =>
    countCalibrationText({
      sequences: Math.max(asked?.sequences ?? DEFAULT_CALIBRATION.sequences, asked?.streamSequences ?? 0),
      sequenceTokens: asked?.sequenceTokens ?? DEFAULT_CALIBRATION.sequenceTokens,
      part: asked?.text !== undefined || hasOwn ? WHOLE : DEFAULT_TEXT_SHARES.search,
    }),
  );
  return Math.max(...parts, ...calibrations);
}

const WHOLE = { from: 0, to: 1 } as const;
