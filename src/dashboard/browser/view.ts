import type { Api } from './api.js';

/** What a view has of the page. */
export interface ViewContext {
  readonly api: Api;
  /** Says what went wrong, until the server answers again. */
  failed(error: unknown): void;
  /** The server has answered. */
  reached(): void;
  /** Fires when another view is opened. */
  readonly signal: AbortSignal;
}

/** Fills the page. */
export type View = (root: HTMLElement, context: ViewContext) => void;
