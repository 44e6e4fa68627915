/**
 * The client of a server that runs elsewhere: all that the package `prunecast-client` has.
 *
 * ```ts
 * const client = createClient({ address: 'unix:/run/prunecast.sock' });
 * const report = await client.runSearch(
 *   { model: 'stories260k', budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }], texts: { text: { source: { $case: 'path', value: 'stories.json' } } }, output: 'smaller' },
 *   { onEvent: (event) => console.log(event.sequence, event.payload?.$case) },
 * );
 * client.close();
 * ```
 */
export { CallError, type ErrorReason, type QuotaViolation, type StatusName } from './call-error.js';
export { createClient, type ClientOptions, type PrunecastClient, type RunOptions } from './create-client.js';
export type { Downloaded, DownloadOptions } from './download.js';
export type { FollowOptions } from './follow-events.js';
export type { ReattachOptions, ReattachPolicy } from './reattach.js';
export { listUpload, type TransferProgress, type UploadOptions, type UploadSource } from './upload.js';
export type { RetryPolicy } from './retry-policy.js';
export type { TlsOptions, TransportOptions } from './secure-channel.js';
export { MAX_MESSAGE_BYTES, type CallOptions } from './transport.js';
export type { Reason } from '../core/errors/reasons.js';
export { packUnits, unpackUnits } from '../core/model/unit-bitmap.js';
export * from './messages.js';
