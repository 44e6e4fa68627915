import type { DescMessage, DescMethod } from '@bufbuild/protobuf';
import { apiRegistry } from '../../src/server/requests/api-registry.js';

/** A method of the API, by its descriptors: messages are read and written without the generated code. */
export interface ApiMethod {
  /** `PruningService.Prune`. */
  readonly name: string;
  /** `/prunecast.v1.PruningService/Prune`. */
  readonly path: string;
  readonly input: DescMessage;
  readonly output: DescMessage;
  readonly kind: DescMethod['methodKind'];
}

/** All methods of the package `prunecast.v1`. */
export function listMethods(): readonly ApiMethod[] {
  return [...apiRegistry().files]
    .filter(({ proto }) => proto.package === 'prunecast.v1')
    .flatMap(({ services }) => services)
    .flatMap((service) =>
      service.methods.map((method) => ({
        name: `${service.name}.${method.name}`,
        path: `/${service.typeName}/${method.name}`,
        input: method.input,
        output: method.output,
        kind: method.methodKind,
      })),
    );
}
