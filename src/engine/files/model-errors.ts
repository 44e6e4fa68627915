import { PrunecastError } from '../../core/errors/prunecast-error.js';

/**
 * MODEL_MALFORMED: names the file of the checkpoint, the tensor if there is one, and the problem with the bad value and
 * its limit.
 */
export function malformed(
  file: string,
  problem: string,
  details: { readonly tensor?: string; readonly cause?: unknown } = {},
): PrunecastError {
  const tensor = details.tensor === undefined ? undefined : clip(details.tensor);
  return new PrunecastError(
    'MODEL_MALFORMED',
    tensor === undefined ? `${file}: ${problem}` : `${file}: tensor ${tensor}: ${problem}`,
    {
      metadata: { file, ...(tensor === undefined ? {} : { tensor }) },
      cause: details.cause,
    },
  );
}

/** MODEL_UNSUPPORTED: names the feature that the engine lacks. */
export function unsupported(
  file: string,
  feature: string,
  problem: string,
  details: { readonly tensor?: string } = {},
): PrunecastError {
  const tensor = details.tensor === undefined ? undefined : clip(details.tensor);
  return new PrunecastError(
    'MODEL_UNSUPPORTED',
    tensor === undefined ? `${file}: ${problem}` : `${file}: tensor ${tensor}: ${problem}`,
    {
      metadata: { file, feature, ...(tensor === undefined ? {} : { tensor }) },
    },
  );
}

/** A value of an untrusted file as text for a message, cut to 80 characters. */
export function show(value: unknown): string {
  // JSON has no NaN and no infinities, but Python writes them.
  return clip(typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value)));
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
