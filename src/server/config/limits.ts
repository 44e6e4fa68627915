/** The most bytes of a message in either direction; more must be paged or streamed. */
export const MAX_MESSAGE_BYTES = 4 * 2 ** 20;

/**
 * The most bytes of a call's metadata, as HTTP/2 counts them: what other gRPC servers take. Node.js itself cuts a
 * connection off that sends a header of more than 64 KiB, and ends a call with more than 128 of them.
 */
export const MAX_METADATA_BYTES = 16 * 1024;

/**
 * The most calls that a connection has open at a time; the next one waits in the client. A watcher takes 62 KiB
 * (`npm run bench:watchers`), so that those of one connection take at most 128 MiB.
 */
export const MAX_CONNECTION_CALLS = 2048;

/** A connection that was silent for so long is asked whether it is still there. */
export const KEEPALIVE_MS = 30_000;

/** A connection that has not answered that for so long is closed, and its calls end. */
export const KEEPALIVE_ANSWER_MS = 20_000;

/** The most bytes of a path in a request: the longest that Linux opens. */
export const MAX_PATH_BYTES = 4096;

/** The most rows of one Predict. */
export const MAX_PREDICT_ROWS = 10_000;

/**
 * The longest silence of an open job stream: a heartbeat is promised every 15 s, and the network takes some of that.
 */
export const HEARTBEAT_MS = 10_000;

/** Another server on the same state may take the jobs of a server that has not renewed its leases for so long. */
export const LEASE_MS = 10_000;

/**
 * What a server on another machine writes under a shared output root counts as left behind when it has not been renewed
 * for so long.
 */
export const OUTPUT_LEASE_MS = 60_000;

/** A cancelled job is promised to end within two seconds. */
export const CANCEL_GRACE_MS = 1500;

/** How long to wait before storing the end of a job again after a failure. */
export const STORE_RETRY_MS = 1000;

/**
 * A job that waits for room on a disk tries again after so long in any case; it looks for room as often as leases are
 * renewed.
 */
export const STORAGE_WAIT_MS = 600_000;

/**
 * How long a plug-in's synchronous call may hold the event loop; shorter than a lease, which could not be renewed
 * meanwhile.
 */
export const INLINE_CALL_LIMIT_MS = 5000;

/** How often the server looks for uploads, jobs and labels that are to be deleted. What is younger than that stays. */
export const SWEEP_MS = 3_600_000;

export const DAY_MS = 86_400_000;
