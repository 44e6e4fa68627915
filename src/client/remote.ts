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
/** Makes `credentials` for a server with TLS: `credentials.createSsl(readFileSync('ca.pem'))`. */
export { credentials } from '@grpc/grpc-js';
export { CallError, type StatusName } from './call-error.js';
export { createClient, type PrunecastClient, type RunOptions } from './create-client.js';
export type { Downloaded, DownloadOptions } from './download.js';
export type { FollowOptions } from './follow-events.js';
export type { ReattachOptions, ReattachPolicy } from './reattach.js';
export { listUpload, type TransferProgress, type UploadOptions, type UploadSource } from './upload.js';
export { MAX_MESSAGE_BYTES, type CallOptions, type TransportOptions } from './transport.js';
export { packUnits, unpackUnits } from '../core/model/unit-bitmap.js';
export * from './messages.js';
