/** A path that a caller named and that does not exist. */
export interface MissingPath {
  readonly path: string;
  /** A path that exists and was probably meant. */
  readonly beside: string | undefined;
  /** What to do otherwise: "name something relative to a data root". */
  readonly otherwise: string;
  /** A model may have been meant by its name on the Hugging Face hub. */
  readonly isModel: boolean;
}

/** What to say of a path that does not exist: the nearest one that does, and what to do. */
export function describeMissing({ path, beside, otherwise, isModel }: MissingPath): string {
  const fetching =
    isModel && HUB_ID.test(path)
      ? `. Nothing is downloaded: for a model of the Hugging Face hub, hf download ${path} --local-dir FOLDER, and name that folder`
      : '';
  const near = beside === undefined ? '' : `did you mean ${quotePath(beside)}? If not, `;
  return `${quotePath(path)} does not exist: ${near}${otherwise}${fetching}`;
}

/** A path in quotes, its end left out if it is very long. */
export function quotePath(path: string): string {
  return `"${path.length <= MOST_QUOTED ? path : `${path.slice(0, MOST_QUOTED)}…`}"`;
}

const MOST_QUOTED = 200;
/** What may be the name of a model on the Hub: an organisation and a model. */
const HUB_ID = /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/;
