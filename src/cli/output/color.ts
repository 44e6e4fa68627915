import { createColors } from 'picocolors';

/** Functions that colour a text, or leave it as it is. */
export type Colors = ReturnType<typeof createColors>;

/** What a terminal is, for the question of colours. */
export interface ColorStream {
  readonly isTTY?: boolean;
}

/**
 * Colours for a stream, if it is to have any: not with `--no-color` or NO_COLOR (https://no-color.org), else with
 * FORCE_COLOR, else on a terminal that is not `dumb`.
 */
export function colorsFor(
  stream: ColorStream,
  { color = true }: { readonly color?: boolean | undefined } = {},
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Colors {
  const { NO_COLOR = '', FORCE_COLOR = '', TERM = '' } = environment;
  if (!color || NO_COLOR !== '') return createColors(false);
  if (FORCE_COLOR !== '') return createColors(!['0', 'false'].includes(FORCE_COLOR));
  return createColors(stream.isTTY === true && TERM !== 'dumb');
}
