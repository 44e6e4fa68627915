import { GetInfoResponse, PluginServiceService, type PluginInfo } from '../gen/prunecast/plugin/v1/plugin.js';
import type { Channel } from './channel.js';

/** The version of `prunecast.plugin.v1` that this server speaks. */
export const PROTOCOL_VERSION = 1;

/** How a process is asked. */
export interface InfoQuestion {
  readonly limitMs: number;
  /** Whether to wait until it is reachable. */
  readonly waits: boolean;
  readonly serverVersion?: string;
}

/** What a process offers. Throws ServiceError. */
export async function askInfo(
  channel: Channel,
  { limitMs, waits, serverVersion = '' }: InfoQuestion,
): Promise<GetInfoResponse> {
  const request = { protocolVersion: PROTOCOL_VERSION, serverVersion };
  let info: GetInfoResponse | undefined;
  for await (const answer of channel.exchange(PluginServiceService.getInfo, [request], { limitMs, waits }))
    info ??= answer;
  return info ?? GetInfoResponse.fromPartial({});
}

/** What a process offers, for people and to compare: `protocol 1 with predictor "knn" 2.0`. */
export function describeOffer({ protocolVersion, plugins }: GetInfoResponse): string {
  const names = plugins.map((plugin) => `${kindOf(plugin)} "${plugin.id}" ${plugin.version}`).sort();
  return `protocol ${protocolVersion} with ${names.join(', ') || 'no plug-in'}`;
}

/** `predictor`, or what else it is; `plug-in` if it does not say it. */
export function kindOf({ kind }: PluginInfo): 'predictor' | 'evaluator' | 'criterion' | 'strategy' | 'plug-in' {
  return kind?.$case ?? 'plug-in';
}
