import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { GetInfoResponse } from '../../../gen/prunecast/plugin/v1/plugin.js';
import { MAX_MESSAGE_BYTES, openChannel } from '../../../remote-plugins/channel.js';
import { askInfo } from '../../../remote-plugins/info.js';
import { isServiceError, nameStatus } from '../../../remote-plugins/remote-errors.js';
import { VERSION } from '../../config/version.js';

/** A process of plug-ins that is to be asked what it offers. */
export interface Reaching {
  readonly address: string;
  readonly authorities: string | undefined;
  /** Until it has answered. */
  readonly limitMs: number;
  readonly log: Logger;
}

const FIRST_PAUSE_MS = 100;
const MOST_PAUSE_MS = 2000;

/** For the last try. */
const LEAST_MS = 500;

/** Between two lines of the log about one that is waited for. */
const TELL_MS = 5000;

/** How to give a plug-in more time. */
export const MORE_TIME = 'pluginStartMs (--plugin-start-ms) gives it more time';

/**
 * What a process offers. One that nobody can connect to yet is tried again, after pauses that double, and the log tells
 * why.
 *
 * @throws Error that says what is wrong and what to do: at once for what waiting does not mend
 */
export async function reachPlugin({ address, authorities, limitMs, log }: Reaching): Promise<GetInfoResponse> {
  const begun = performance.now();
  const left = (): number => limitMs - (performance.now() - begun);
  let toldAt = -Infinity;
  for (let tries = 1; ; tries++) {
    // A channel that has failed to connect waits by itself, and would tell an old error.
    const channel = openChannel({ address, authorities });
    try {
      return await askInfo(channel, { limitMs: Math.max(LEAST_MS, left()), waits: false, serverVersion: VERSION });
    } catch (error) {
      if (!isServiceError(error)) throw error;
      const lasting = describeLasting(nameStatus(error), error.details, { address, limitMs });
      if (lasting !== undefined) throw new Error(lasting, { cause: error });
      const pauseMs = Math.min(MOST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (tries - 1));
      const why = describeUnreachable(error.details, address);
      if (left() <= 0)
        throw new Error(
          `nothing could be reached at ${address} within ${limitMs / 1000} s: ${why}. Check that the plug-in runs and listens at this address; ${MORE_TIME}`,
          { cause: error },
        );
      if (performance.now() - toldAt > TELL_MS) {
        toldAt = performance.now();
        log.warn({ address, why, left_s: Math.round(left() / 1000) }, 'waits for a plug-in that cannot be reached yet');
      }
      await pause(Math.min(pauseMs, Math.max(0, left())));
    } finally {
      channel.close();
    }
  }
}

/** What a call waited for that came to no connection. */
const UNCONNECTED = /LB pick|resolution/i;

/** What does not change by waiting; undefined if it may. */
function describeLasting(
  code: ReturnType<typeof nameStatus>,
  details: string,
  { address, limitMs }: Pick<Reaching, 'address' | 'limitMs'>,
): string | undefined {
  switch (code) {
    case 'UNAVAILABLE':
      return describeTls(details, address);
    case 'DEADLINE_EXCEEDED':
      if (UNCONNECTED.test(details)) return undefined;
      return `what listens at ${address} did not answer GetInfo within ${limitMs / 1000} s. Check that it is a plug-in, and what it waits for; ${MORE_TIME}`;
    case 'UNIMPLEMENTED':
      return `what listens at ${address} has no PluginService.GetInfo of prunecast.plugin.v1. Check that it is a plug-in of Prunecast, and register that service in it`;
    case 'RESOURCE_EXHAUSTED':
      return /message larger than max/i.test(details)
        ? `its answer to GetInfo has more than ${MAX_MESSAGE_BYTES / 2 ** 20} MiB. Shorten its summaries and option schemas, or offer fewer plug-ins in a process`
        : undefined;
    default:
      return `GetInfo failed at ${address}: ${details || 'no message'} (${code}). Look into what the plug-in wrote`;
  }
}

/** What is wrong between two ends of which one expects TLS, or does not trust the other; undefined for anything else. */
function describeTls(details: string, address: string): string | undefined {
  if (/wrong version number|packet length too long|EPROTO/i.test(details))
    return `what listens at ${address} does not speak TLS. Let it use a certificate, or name it by grpc://`;
  const [cause] =
    /self[- ]signed certificate[^.]*|unable to (?:verify|get)[^.]*|certificate has expired|Hostname\/IP does not match[^]*/i.exec(
      details,
    ) ?? [];
  if (cause === undefined) return undefined;
  return cause.startsWith('Hostname')
    ? `the certificate of ${address} is for another host (${firstLine(cause)}). Name the plug-in by a host of its certificate, or give it one for this host`
    : `the certificate of ${address} is not trusted (${firstLine(cause)}). Name the file of its authorities in pluginAuthorities (--plugin-authorities), or give the plug-in a valid certificate of a known authority`;
}

/** The reason in words, in place of the text of gRPC. */
function describeUnreachable(details: string, address: string): string {
  const path = address.startsWith('unix:') ? address.slice('unix:'.length) : undefined;
  if (details.includes('ENOENT')) return `there is no socket ${path ?? ''}`;
  if (details.includes('ECONNREFUSED'))
    return path === undefined ? 'connection refused' : 'the socket is there, but nobody listens on it';
  if (details.includes('EACCES')) return `this user may not connect to ${path ?? address}`;
  if (details.includes('Name resolution failed') || details.includes('ENOTFOUND')) return 'no such host is known';
  if (UNCONNECTED.test(details)) return 'it does not answer';
  const [, last] = /Last error: (?:Error: )?(.*?)(?:\. Resolution note:.*)?$/s.exec(details) ?? [];
  return firstLine(last ?? details) || 'no reason is given';
}

function firstLine(text: string): string {
  return text.split('\n')[0]?.trim() ?? '';
}
