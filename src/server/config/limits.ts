/** Bytes that one message may have, either way; a longer one must be paged or streamed. */
export const MAX_MESSAGE_BYTES = 4 * 2 ** 20;

/** Bytes that a path of a request may have: the longest that Linux opens. */
export const MAX_PATH_BYTES = 4096;

/** Rows that one Predict takes. */
export const MAX_PREDICT_ROWS = 10_000;

/** Longest silence of an open job stream: a heartbeat is promised every 15 s, and the network takes its share. */
export const HEARTBEAT_MS = 10_000;

/** The jobs of a server that has not been heard of for so long may be taken by another on the same state. */
export const LEASE_MS = 10_000;

/** What a server of another machine writes under a shared output root is taken for a leftover once nobody has renewed it for so long. */
export const OUTPUT_LEASE_MS = 60_000;

/** A cancelled job is promised to end within two seconds. */
export const CANCEL_GRACE_MS = 1500;

/** How soon the end of a job is stored again that the store did not take. */
export const STORE_RETRY_MS = 1000;

/** How long a plug-in's synchronous call may hold the event loop; shorter than a lease, which could not be renewed meanwhile. */
export const INLINE_CALL_LIMIT_MS = 5000;
