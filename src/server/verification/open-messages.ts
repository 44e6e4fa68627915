import type { OpenedExport } from '../../core/ports/exporter.js';
import type { PluginAddress } from '../../core/ports/plugin-entry.js';
import type { ErrorMessage } from '../../engine/workers/message-errors.js';

/** The data that the thread of an opened export starts with. */
export interface OpenTask {
  readonly address: PluginAddress & { readonly kind: 'exporter' };
  readonly directory: string;
  /** Whose logits are asked for; undefined for none. */
  readonly tokens: Int32Array | undefined;
}

/** What an export says of itself, and the logits if they were asked for, [tokens, vocabulary]. */
export interface OpenedFacts extends Pick<OpenedExport, 'shape' | 'architecture' | 'storage'> {
  readonly logits: Float32Array | undefined;
}

/** The one message from the thread. */
export type OpenMessage =
  | { readonly kind: 'opened'; readonly facts: OpenedFacts }
  | { readonly kind: 'failed'; readonly error: ErrorMessage };
