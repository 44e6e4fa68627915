import type { Plugin } from '../core/ports/plugin-entry.js';
import { GetInfoResponse, type PluginInfo } from '../gen/prunecast/plugin/v1/plugin.js';
import { createRemoteCriterion } from './remote-criterion.js';
import { createRemoteEvaluator } from './remote-evaluator.js';
import { readManifest } from './remote-manifest.js';
import { createRemotePredictor } from './remote-predictor.js';
import { openRemoteProcess, type RemoteProcess } from './remote-process.js';
import { createRemoteStrategy } from './remote-strategy.js';
import { findTarget } from './remote-target.js';

/*
 * The plug-ins of another process as those of a module, which is imported with the address of the process in its URL:
 * `remote-plugins.js?address=unix:/run/knn.sock`. So they are found again in workers like all others.
 */

const address = new URL(import.meta.url).searchParams.get('address') ?? '';
const remote = openRemoteProcess(findTarget(address));

export default GetInfoResponse.decode(remote.target.info).plugins.map((info) => toPlugin(info, remote));

function toPlugin(info: PluginInfo, process: RemoteProcess): Plugin {
  const manifest = readManifest(info, process.target);
  switch (info.kind?.$case) {
    case 'predictor':
      return createRemotePredictor(manifest, info.kind.value, process);
    case 'strategy':
      return createRemoteStrategy(manifest, info.kind.value, process);
    case 'evaluator':
      return createRemoteEvaluator(manifest, info.kind.value, process);
    case 'criterion':
      return createRemoteCriterion(manifest, info.kind.value, process);
    default:
      throw new TypeError(`the plug-in "${info.id}" has a kind that this server does not know`);
  }
}
