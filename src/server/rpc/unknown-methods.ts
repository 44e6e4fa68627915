import type { Server } from '@grpc/grpc-js';
import { PrunecastError } from '../../core/errors/prunecast-error.js';
import type { CallRunner } from './call-runner.js';
import { serveMethod } from './serve-method.js';

/**
 * What a method that the API does not have is called in logs and counts, so that callers cannot make up any number of
 * names.
 */
const METHOD = '/unknown';

/** The longest part of a path that a message repeats. */
const MOST_PATH_CHARACTERS = 200;

/**
 * Lets calls of methods that the API does not have pass the interceptors, and end as UNIMPLEMENTED with a reason.
 * grpc-js has no hook for them: it looks a method up in a map of handlers, private to its types, and answers by itself
 * if there is none. If a later version has no such map, those calls end as the library ends them, without a reason.
 */
export function serveUnknownMethods(server: Server, calls: CallRunner): void {
  const { handlers } = server as unknown as { readonly handlers?: unknown };
  if (!(handlers instanceof Map)) return;
  const find = handlers.get.bind(handlers);
  handlers.get = (path: string) => find(path) ?? describeUnknown(path, calls);
}

/** As grpc-js keeps a handler. Of the kind that needs no request to answer. */
function describeUnknown(path: string, calls: CallRunner): unknown {
  const method = path.slice(1, MOST_PATH_CHARACTERS);
  const fail = (): never => {
    throw new PrunecastError('NOT_IMPLEMENTED', `the API has no method ${method}: check the name and the package`, {
      metadata: { method },
    });
  };
  return {
    path: METHOD,
    type: 'bidi',
    func: serveMethod({ responseStream: true }, fail, calls, (response) => response),
    serialize: asIs,
    deserialize: asIs,
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
