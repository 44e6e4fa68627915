import type { PluginKind as PluginKindName } from '../../core/ports/plugin.js';
import { CatalogServiceService, type GetServerInfoResponse, PluginKind } from '../../gen/prunecast/v1/catalog.js';
import type { PluginRegistry } from '../plugins/plugin-registry.js';
import { readEnum } from '../requests/fields.js';
import { defineService, type RpcService } from './rpc-service.js';

const KINDS = {
  criterion: PluginKind.CRITERION,
  compensation: PluginKind.COMPENSATION,
  evaluator: PluginKind.EVALUATOR,
  predictor: PluginKind.PREDICTOR,
  strategy: PluginKind.STRATEGY,
  exporter: PluginKind.EXPORTER,
  recovery: PluginKind.RECOVERY,
} as const satisfies Record<PluginKindName, PluginKind>;

/** `CatalogService`: what this server has. */
export function createCatalogService(
  registry: PluginRegistry,
  describeServer: () => Promise<GetServerInfoResponse>,
): RpcService {
  return defineService(CatalogServiceService, {
    listPlugins: (request) => {
      const kind = readEnum(request.kind);
      const plugins = registry.list().map((plugin) => ({ ...plugin, kind: KINDS[plugin.kind] }));
      return { plugins: plugins.filter((plugin) => kind === undefined || plugin.kind === kind) };
    },
    getServerInfo: () => describeServer(),
  });
}
