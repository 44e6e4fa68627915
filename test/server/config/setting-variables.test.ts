import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CONFIG_SCHEMA, explainConfig } from '../../../src/server/config/config.js';
import { environmentName, OTHER_VARIABLES } from '../../../src/server/config/setting-variables.js';

describe('a variable that is no setting', () => {
  it('is refused with the nearest one, where it is all but one', () => {
    expect(() => explainConfig({ PRUNECAST_TLS_CERTIFCATE: '/c.pem' })).toThrow(
      'PRUNECAST_TLS_CERTIFCATE is no setting; did you mean "PRUNECAST_TLS_CERTIFICATE"?',
    );
    expect(() => explainConfig({ PRUNECAST_MODEL_ROOT: '/models', PRUNECAST_CONFG: '/c' })).toThrow(
      /MODEL_ROOT is no setting; did you mean "PRUNECAST_MODEL_ROOTS".*\n.*CONFG is no setting; did you mean "PRUNECAST_CONFIG"/,
    );
  });

  it('is told of where it is like none, and passed over where it is empty or of another program', () => {
    const { warnings } = explainConfig({
      PRUNECAST_OF_SOMEBODY_ELSE: 'x',
      PRUNECAST_TLS_CERTIFCATE: '',
      PRUNECAST_SERVICE_HOST: '10.0.0.1', // Kubernetes, of a Service "prunecast"
      PRUNECAST_SERVICE_PORT_GRPC: '50051',
      PRUNECAST_PORT_50051_TCP_ADDR: '10.0.0.1',
      PRUNECAST_DEV_SERVICE_HOST: '10.0.0.2', // and of one "prunecast-dev"
      PRUNECAST_PYTHON: 'python3',
      OTHER: 'x',
    });
    expect(warnings).toEqual(['PRUNECAST_OF_SOMEBODY_ELSE is no setting']);
  });

  it('is listed, if anything here reads it', () => {
    const root = resolve(import.meta.dirname, '../../..');
    const files = execFileSync('git', ['ls-files', 'src', 'python', 'scripts', 'bench', 'test', 'templates', '.ci'], {
      cwd: root,
      encoding: 'utf8',
    }).split('\n');
    const known = new Set([...OTHER_VARIABLES, ...Object.keys(CONFIG_SCHEMA.shape).map(environmentName)]);
    const read = files
      .filter((file) => /\.(?:[mc]?[jt]s|py|sh)$|run$/.test(file) && existsSync(join(root, file)))
      .filter((file) => !file.startsWith('test/server/config/'))
      .flatMap((file) => [
        ...readFileSync(join(root, file), 'utf8').matchAll(
          /(?:env(?:iron(?:ment)?)?(?:\.get\(|\[|\.)|getenv\()\s*['"]?(PRUNECAST_[A-Z_]+)/g,
        ),
      ])
      .map(([, name = '']) => name);
    expect(new Set(read).size).toBeGreaterThan(5);
    expect([...new Set(read)].filter((name) => !known.has(name))).toEqual([]);
  });
});
