/** How long a thread may take to close what it has open. */
const CLOSE_GRACE_MS = 1000;

/**
 * Asks a thread to end by itself, and ends it if that takes too long. Resolves when it has ended.
 *
 * @param exited resolves when the thread has ended
 * @param end ends it, whatever it is doing
 */
export async function closeGently(ask: () => void, exited: Promise<void>, end: () => Promise<void>): Promise<void> {
  ask();
  const late = setTimeout(() => void end(), CLOSE_GRACE_MS);
  await exited;
  clearTimeout(late);
}
