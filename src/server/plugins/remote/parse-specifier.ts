import { resolve } from 'node:path';
import { PrunecastError } from '../../../core/errors/prunecast-error.js';

/** A process of plug-ins: one that runs already, or a command that starts it. */
export type RemoteSpecifier =
  | { readonly kind: 'attach'; readonly address: string }
  | { readonly kind: 'launch'; readonly command: string };

/**
 * What callers of the server see of it: for a launched process the command, without the values of variables that are set
 * in front of it, which may be secrets: `exec:TOKEN=... python knn.py`.
 */
export function nameRemote(specifier: RemoteSpecifier): string {
  if (specifier.kind === 'attach') return specifier.address;
  const [variables = ''] =
    /^(?:\s*[A-Za-z_]\w*=(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])*\s)*/s.exec(specifier.command) ?? [];
  const names = [...variables.matchAll(/([A-Za-z_]\w*)=(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\])*/gs)].map(
    ([, name]) => `${name}=... `,
  );
  return `exec:${names.join('')}${specifier.command.slice(variables.length)}`;
}

/**
 * What a specifier says of a process: `unix:/run/knn.sock`, `grpc://host:50061` or encrypted `grpcs://host:50061` to
 * attach, `exec:python knn.py` to launch. undefined for a module.
 *
 * @param folder where a relative path of a socket starts
 * @throws PrunecastError PLUGIN_INVALID for an address without host and port, and for an empty command
 */
export function parseRemoteSpecifier(specifier: string, folder: string): RemoteSpecifier | undefined {
  const [, scheme, rest = ''] = /^(unix|grpcs?|exec):(.*)$/s.exec(specifier) ?? [];
  if (scheme === undefined) return undefined;
  const refuse = (needed: string): never => {
    throw new PrunecastError('PLUGIN_INVALID', `the plug-in "${specifier}" is named by ${needed}`, {
      metadata: { specifier },
    });
  };
  if (scheme === 'exec')
    return rest.trim() === '' ? refuse('a command: exec:python knn.py') : { kind: 'launch', command: rest.trim() };
  if (scheme === 'unix')
    return rest === ''
      ? refuse('the path of its socket: unix:/run/knn.sock')
      : { kind: 'attach', address: `unix:${resolve(folder, rest)}` };
  return /^\/\/[^/]+:\d{1,5}$/.test(rest)
    ? { kind: 'attach', address: specifier }
    : refuse(`host and port: ${scheme}://host:50061`);
}
