import type { IncomingHttpHeaders } from 'node:http';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { isLoopback } from '../config/is-local.js';

/** The header that the page sends with all that changes something. A form of another site cannot send it. */
export const REQUEST_HEADER = 'x-prunecast-request';

/**
 * Refuses a request under a name that is neither loopback nor one of `hosts`, with ORIGIN_REFUSED. A site that has its
 * own name resolve to this machine (DNS rebinding) counts for the browser as the dashboard's own page, but its requests
 * carry its name.
 */
export function guardHost(headers: IncomingHttpHeaders, hosts: readonly string[]): void {
  const name = (headers.host ?? '').replace(/:\d+$/, '');
  if (isLoopback(name) || hosts.some((host) => host.toLowerCase() === name.toLowerCase())) return;
  throw refuse(
    `the dashboard does not answer under the name "${name}": open it as 127.0.0.1, or add the name to dashboardHosts (--dashboard-host)`,
  );
}

/**
 * Refuses a call that a page of another site sends, and one that changes something without the header of the
 * dashboard's page, with ORIGIN_REFUSED.
 */
export function guardSite(verb: string, headers: IncomingHttpHeaders): void {
  const { origin } = headers;
  const site = headers['sec-fetch-site'];
  const isForeign = origin !== undefined && readOriginHost(origin) !== headers.host?.toLowerCase();
  if (isForeign || (site !== undefined && site !== 'same-origin' && site !== 'none'))
    throw refuse('a page of another site may not ask the dashboard: open the dashboard itself');
  if (verb !== 'GET' && headers[REQUEST_HEADER] === undefined)
    throw refuse(`${verb} needs the header ${REQUEST_HEADER}, which pages of other sites cannot send`);
}

/** The host and port of an Origin header; empty if it is opaque (`null`). */
function readOriginHost(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).host : '';
}

function refuse(message: string): PrunecastError {
  return new PrunecastError('ORIGIN_REFUSED', message);
}
