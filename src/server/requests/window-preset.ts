import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { Documents, WindowPreset, type Text, type WindowProtocol } from '../../gen/prunecast/v1/common.js';

/** What a published convention sets, of windows and of the text that they are cut from. */
export interface WindowConvention {
  /** Tokens per window; `positions`: as many as the model was made for, at most 2,048. */
  readonly window: number | 'positions';
  /** `of-model`: where the model has one. */
  readonly bos: 'none' | 'of-model';
  readonly documents: Documents.JOINED | Documents.APART;
}

const CONVENTIONS: Readonly<Record<number, WindowConvention | undefined>> = {
  // GPTQ, datautils.py, get_wikitext2: "\n\n".join(testdata['text']); llama.py: seqlen 2048, loss over whole windows.
  [WindowPreset.WIKITEXT2_2048]: { window: 2048, bos: 'none', documents: Documents.JOINED },
  // LLM-Pruner, LLMPruner/datasets/ppl_dataset.py, process_data with seq_len 128.
  [WindowPreset.LLM_PRUNER_128]: { window: 128, bos: 'none', documents: Documents.JOINED },
  // lm-evaluation-harness, get_rolling_token_windows with a context of one token.
  [WindowPreset.DOCUMENT_WISE]: { window: 'positions', bos: 'of-model', documents: Documents.APART },
};

/** The longest windows of a convention that takes those of the model. */
const MOST_POSITIONS = 2048;

/** undefined if windows name none. Throws INVALID_REQUEST for one that does not exist. */
export function findConvention(windows: WindowProtocol | undefined, field: string): WindowConvention | undefined {
  const preset = windows?.preset ?? WindowPreset.UNSPECIFIED;
  if (preset === WindowPreset.UNSPECIFIED) return undefined;
  const convention = CONVENTIONS[preset];
  if (convention === undefined)
    throw PrunecastError.ofField(`${field}.preset`, `is ${preset}; allowed are the values of WindowPreset`);
  return convention;
}

/** Tokens of a convention's windows. */
export function windowOf({ window }: WindowConvention, maxPositions: number): number {
  return window === 'positions' ? Math.min(MOST_POSITIONS, maxPositions) : window;
}

/** A text with its documents as a convention has them, unless it says itself how. */
export function withDocuments(
  text: Text | undefined,
  windows: WindowProtocol | undefined,
  field: string,
): Text | undefined {
  const documents = findConvention(windows, field)?.documents ?? Documents.UNSPECIFIED;
  if (text === undefined || text.documents !== Documents.UNSPECIFIED || documents === Documents.UNSPECIFIED)
    return text;
  return { ...text, documents };
}
