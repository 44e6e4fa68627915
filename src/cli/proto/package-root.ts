import { existsSync, readFileSync } from 'node:fs';

/** The folder of package.json, from sources as from the build, which lies one folder deeper. */
export const PACKAGE_ROOT =
  ['../../../', '../../../../']
    .map((path) => new URL(path, import.meta.url))
    .find((folder) => existsSync(new URL('package.json', folder))) ?? new URL('../../../../', import.meta.url);

/** The version in package.json. */
export function readVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('package.json', PACKAGE_ROOT), 'utf8')) as {
    readonly version: string;
  };
  return manifest.version;
}
