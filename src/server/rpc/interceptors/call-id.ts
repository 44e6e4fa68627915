import { randomUUID } from 'node:crypto';

/** The header that a caller names its call by, and by which the server tells under which name it has logged it. */
export const CALL_ID_HEADER = 'x-request-id';

/** What is taken as an id: as long as a UUID or a trace needs, and nothing that would read like another line. */
const WELL_FORMED = /^[\w.:/+=@-]{1,128}$/;

/** The id of a call: the caller's own if it is well formed, otherwise a new one. */
export function chooseCallId(given: string | undefined): string {
  return given !== undefined && WELL_FORMED.test(given) ? given : randomUUID();
}
