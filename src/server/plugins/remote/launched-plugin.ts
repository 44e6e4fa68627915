import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthService,
} from '../../../gen/grpc/health/v1/health.js';
import { openChannel, type Channel } from '../../../remote-plugins/channel.js';
import { END_GRACE_MS, startPluginProcess, type PluginProcess } from './start-process.js';

/** A process of plug-ins that the server keeps running. */
export interface LaunchedPlugin {
  /** Where it listens, the same after each restart. */
  readonly address: string;
  /** Ends the process, and starts it no more. */
  close(): Promise<void>;
}

export interface Launching {
  /** As a shell reads it. */
  readonly command: string;
  /** Its working folder. */
  readonly folder: string;
  readonly startMs: number;
  readonly log: Logger;
  readonly pace?: LaunchPace;
}

/** When a process is looked at and started again. */
export interface LaunchPace {
  /** From one health check to the next. */
  readonly checkMs: number;
  /** A process whose health checks all failed for so long is ended: it may be busy with a call for a while. */
  readonly silentMs: number;
  /** The first pause before a restart; each next one is twice as long. */
  readonly firstPauseMs: number;
  readonly mostPauseMs: number;
}

const PACE: LaunchPace = { checkMs: 5000, silentMs: 60_000, firstPauseMs: 50, mostPauseMs: 10_000 };

/** A process that ran this many times as long as the pause before it is well: the next pause is the first again. */
const WELL_AFTER = 20;

/**
 * Starts a process of plug-ins. It is started again when it ends, or when it is not healthy, until `close`.
 *
 * @throws Error that says why it did not come up the first time
 */
export async function launchPlugin(launching: Launching): Promise<LaunchedPlugin> {
  const { command, folder, startMs, log, pace = PACE } = launching;
  const place = await mkdtemp(join(tmpdir(), 'prunecast-plugin-')); // for this user alone
  const socket = join(place, 'plugin.sock');
  const start = async (wanted: string): Promise<PluginProcess> => {
    await rm(socket, { force: true }); // what a killed process left
    return startPluginProcess({
      command,
      folder,
      address: wanted,
      limitMs: startMs,
      log: (line) => log.info({ plugin: command, line }, 'plug-in writes'),
    });
  };
  const closing = new AbortController();
  let running: PluginProcess | undefined;
  const removePlace = (): Promise<void> => rm(place, { recursive: true, force: true });
  try {
    running = await start(`unix:${socket}`);
  } catch (error) {
    await removePlace();
    throw error;
  }
  const { address } = running;
  log.info({ plugin: command, address, process: running.processId }, 'plug-in started');
  const keeping = keepRunning();
  return {
    address,
    close: async () => {
      closing.abort();
      await running?.end(END_GRACE_MS);
      await keeping;
      await removePlace();
    },
  };

  async function keepRunning(): Promise<void> {
    let pauseMs = pace.firstPauseMs;
    while (!closing.signal.aborted) {
      const begun = performance.now();
      if (running !== undefined) {
        const how = await endOf(running);
        if (closing.signal.aborted) return;
        if (performance.now() - begun > WELL_AFTER * pauseMs) pauseMs = pace.firstPauseMs;
        log.warn({ plugin: command, how, pause_ms: pauseMs }, 'plug-in ended, and is started again');
      }
      await pause(pauseMs, undefined, { signal: closing.signal }).catch(() => undefined);
      pauseMs = Math.min(pace.mostPauseMs, 2 * pauseMs);
      if (closing.signal.aborted) return;
      running = undefined;
      try {
        running = await restart();
      } catch (error) {
        log.error({ err: error, plugin: command, pause_ms: pauseMs }, 'plug-in did not come up again');
      }
    }
    await running?.end(END_GRACE_MS); // it came up while the server was closing
  }

  async function restart(): Promise<PluginProcess> {
    const next = await start(address);
    if (next.address === address) return next;
    await next.end(0);
    throw new Error(`it listens on ${next.address} now: after a restart it must listen on PRUNECAST_PLUGIN_ADDRESS`);
  }

  /** Waits until it ends; ends it if it is not healthy. */
  async function endOf(current: PluginProcess): Promise<string> {
    const over = new AbortController();
    const channel = openChannel({ address, authorities: undefined });
    void current.ended.then(() => over.abort());
    try {
      const fault = await watchHealth(channel, pace, AbortSignal.any([over.signal, closing.signal]));
      if (fault === undefined) return await current.ended;
      await current.end(END_GRACE_MS);
      return fault;
    } finally {
      channel.close();
    }
  }
}

/** Checks until the signal fires; says what is wrong with a process that is not healthy. */
async function watchHealth(channel: Channel, pace: LaunchPace, signal: AbortSignal): Promise<string | undefined> {
  let healthy = performance.now();
  for (;;) {
    await pause(pace.checkMs, undefined, { signal, ref: false }).catch(() => undefined);
    if (signal.aborted) return undefined;
    const state = await checkHealth(channel, pace.checkMs, signal);
    if (signal.aborted) return undefined;
    if (state === 'serving') healthy = performance.now();
    else if (state === 'not serving') return 'its health is not SERVING';
    else if (performance.now() - healthy > pace.silentMs)
      return `it answered no health check for ${pace.silentMs / 1000} s`;
  }
}

async function checkHealth(
  channel: Channel,
  limitMs: number,
  signal: AbortSignal,
): Promise<'serving' | 'not serving' | 'silent'> {
  try {
    for await (const { status } of channel.exchange(HealthService.check, [{ service: '' }], { limitMs, signal }))
      return status === ServingStatus.SERVING ? 'serving' : 'not serving';
    return 'silent';
  } catch {
    return 'silent';
  }
}
