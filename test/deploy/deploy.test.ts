import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, posix, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { CONFIG_SCHEMA, loadConfig, type Config } from '../../src/server/config/config.js';
import { listExposed } from '../../src/server/config/exposure.js';
import { environmentName } from '../../src/server/config/setting-variables.js';
import {
  DEPLOY,
  listDeployFiles,
  readDockerfile,
  readImageEnvironment,
  readKustomization,
  readUnit,
  readYaml,
  ROOT,
  listSources,
  type ComposeFile,
  type Container,
  type KubernetesObject,
  type PodSpec,
} from './manifests.js';

const SETTINGS: ReadonlySet<string> = new Set(Object.keys(CONFIG_SCHEMA.shape).map(environmentName));
const IMAGE = readImageEnvironment();
const FOLDERS = ['kubernetes/sidecar', 'kubernetes/service'];

const [compose] = readYaml<ComposeFile>('compose/compose.yaml');
const [scraping] = readYaml<{ scrape_configs: { static_configs: { targets: string[] }[] }[] }>(
  'compose/prometheus.yaml',
);
const unit = readUnit();
const ofUnit = (key: string) => unit.filter(([name]) => name === key).map(([, value]) => value);

/** The pods of a folder of manifests. */
function podsOf(folder: string): PodSpec[] {
  return readKustomization(folder).flatMap(({ spec }) => (spec?.template === undefined ? [] : [spec.template.spec]));
}

function containersOf({ initContainers = [], containers }: PodSpec): readonly Container[] {
  return [...initContainers, ...containers];
}

/** Where a server runs: its environment, what starts it, and the folders it has for writing and for reading. */
interface Placed {
  readonly where: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly writable: readonly string[];
  readonly readOnly: readonly string[];
  /** How long it has after SIGTERM before it is killed. */
  readonly stopSeconds: number;
}

function place(pod: PodSpec, container: Container, where: string): Placed {
  const mounts = container.volumeMounts ?? [];
  return {
    where,
    environment: {
      ...IMAGE,
      ...Object.fromEntries((container.env ?? []).map(({ name, value = '' }) => [name, value])),
    },
    command: ['prunecast', ...(container.args ?? ['serve'])],
    writable: mounts.filter(({ readOnly }) => readOnly !== true).map(({ mountPath }) => mountPath),
    readOnly: mounts.filter(({ readOnly }) => readOnly === true).map(({ mountPath }) => mountPath),
    stopSeconds: pod.terminationGracePeriodSeconds,
  };
}

const server = compose?.services['prunecast'];
const volumes = (server?.volumes ?? []).map((volume) => /:(\/[^:]*)(:ro)?$/.exec(volume) ?? []);
const PLACED: readonly Placed[] = [
  ...FOLDERS.flatMap((folder) =>
    podsOf(folder).flatMap((pod) =>
      containersOf(pod)
        .filter(({ image }) => image === 'prunecast')
        .map((container) => place(pod, container, folder)),
    ),
  ),
  {
    where: 'compose',
    environment: { ...IMAGE, ...server?.environment },
    command: ['prunecast', ...(server?.command ?? ['serve'])],
    writable: volumes.filter(([, , mode]) => mode === undefined).map(([, path = '']) => path),
    readOnly: volumes.filter(([, , mode]) => mode !== undefined).map(([, path = '']) => path),
    stopSeconds: Number(/^(\d+)s$/.exec(server?.stop_grace_period ?? '')?.[1]),
  },
  {
    where: 'systemd',
    environment: Object.fromEntries([
      ...ofUnit('Environment').map((text) => text.split('=', 2)),
      ...readFileSync(join(DEPLOY, 'systemd/prunecast.env'), 'utf8')
        .split('\n')
        .filter((line) => /^\w+=/.test(line))
        .map((line) => line.split('=', 2)),
    ]) as Record<string, string>,
    command: ofUnit('ExecStart').flatMap((line) => line.replace(/^\S*\//, '').split(' ')),
    writable: [`/var/lib/${ofUnit('StateDirectory')[0]}`, `/run/${ofUnit('RuntimeDirectory')[0]}`],
    // ProtectSystem=strict: all else that it may see is read-only.
    readOnly: ['/'],
    stopSeconds: Number(ofUnit('TimeoutStopSec')[0]),
  },
];

const isUnder = (path: string, folders: readonly string[]) =>
  folders.some((folder) => path === folder || path.startsWith(folder.endsWith('/') ? folder : `${folder}/`));

/** What a command line says that the program does not know. */
function findUnknown([program, ...words]: readonly string[]): string[] {
  if (program !== 'prunecast') return [program ?? ''];
  let command: Command = createProgram();
  while (command.commands.length > 0) {
    const name = words.shift() ?? '';
    const child = command.commands.find((candidate) => candidate.name() === name);
    if (child === undefined) return [name];
    command = child;
  }
  const known = new Set(command.options.flatMap(({ long, short }) => [long, short]));
  return words.filter((word) => word.startsWith('-') && !known.has(word));
}

const configOf = ({ environment }: Placed): Config => loadConfig(environment);

describe('the files under deploy', () => {
  it('are all read as what they are', () => {
    const yaml = listDeployFiles().filter((path) => extname(path) === '.yaml');
    expect(yaml.length).toBeGreaterThan(7);
    for (const path of yaml) expect(readYaml(path).length).toBeGreaterThan(0);
    expect(PLACED.map(({ where }) => where)).toEqual([...FOLDERS, 'compose', 'systemd']);
  });

  it('name no setting that there is not', () => {
    for (const path of listDeployFiles()) {
      const text = readFileSync(join(DEPLOY, path), 'utf8');
      const unknown = [...text.matchAll(/\bPRUNECAST_[A-Z_]+\b/g)].filter(([name]) => !SETTINGS.has(name));
      expect(unknown.map(([name]) => `${path}: ${name}`)).toEqual([]);
    }
  });

  it('have relative links and mounts that exist', () => {
    const wanted = Object.values(compose?.services ?? {}).flatMap(({ volumes: mounts = [], build }) => [
      ...mounts.map((mount) => mount.split(':')[0] ?? '').filter((source) => source.startsWith('.')),
      ...(build === undefined ? [] : [join(build.context, build.dockerfile)]),
    ]);
    expect(wanted.length).toBeGreaterThan(2);
    expect(wanted.filter((path) => !existsSync(resolve(DEPLOY, 'compose', path)))).toEqual([]);
  });
});

describe.each(PLACED)('a server under $where', (placed) => {
  it('has settings that are valid', () => {
    expect(() => configOf(placed)).not.toThrow();
  });

  it('does not take calls of other machines without TLS and tokens', () => {
    const config = configOf(placed);
    // The ports of the compose file are open to this machine alone: see below.
    expect(config.insecure).toBe(placed.where === 'compose');
    expect(listExposed(config, false).filter(({ isAllowed }) => !isAllowed)).toEqual([]);
    const exposed = listExposed(config, false).map(({ address }) => address);
    expect(config.insecure ? [] : exposed.filter((address) => address !== config.metricsListen)).toEqual([]);
  });

  it('is started by a command that there is', () => {
    expect(placed.command.slice(0, 2)).toEqual(['prunecast', 'serve']);
    expect(findUnknown(placed.command)).toEqual([]);
  });

  it('writes where it may and reads where it need not write', () => {
    const { stateDirectory, outputRoot, listen, modelRoots } = configOf(placed);
    // Under a mount, not the mount itself, which belongs to root: the server makes its folder private.
    const sockets = listen.filter((text) => text.startsWith('unix:')).map((text) => text.slice('unix:'.length));
    expect([stateDirectory, outputRoot, ...sockets].filter((path) => !isUnder(path, placed.writable))).toEqual([]);
    expect(placed.writable).not.toContain(stateDirectory);
    expect(placed.writable).not.toContain(outputRoot);
    const [models = ''] = modelRoots;
    expect(isUnder(models, placed.readOnly)).toBe(true);
    expect(isUnder(models, placed.writable)).toBe(false);
  });

  it('is killed only after its time to stop', () => {
    // main.ts takes a second more.
    expect(placed.stopSeconds).toBeGreaterThan(configOf(placed).shutdownGraceMs / 1000 + 2);
  });
});

describe.each(FOLDERS)('%s', (folder) => {
  const objects = readKustomization(folder);
  const pods = podsOf(folder);

  it('runs nothing as root, with rights, or on a writable root', () => {
    expect(pods).toHaveLength(1);
    for (const pod of pods) {
      expect(pod.securityContext.runAsNonRoot).toBe(true);
      for (const { securityContext: context } of containersOf(pod)) {
        expect(context).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        });
        expect(context?.runAsUser).toBeGreaterThan(0);
      }
    }
  });

  it('mounts volumes that there are, and claims that are made', () => {
    const claims = objects.filter(({ kind }) => kind === 'PersistentVolumeClaim').map(({ metadata }) => metadata?.name);
    const templates = objects.flatMap(({ spec }) => spec?.volumeClaimTemplates ?? []);
    for (const pod of pods) {
      const names = new Set([...pod.volumes, ...templates.map(({ metadata }) => metadata)].map(({ name }) => name));
      for (const { volumeMounts = [] } of containersOf(pod))
        for (const { name } of volumeMounts) expect(names).toContain(name);
      const claimed = pod.volumes.flatMap(({ persistentVolumeClaim: claim }) => claim ?? []);
      expect(claimed).toEqual(claims.map((claimName) => ({ claimName, readOnly: true })));
    }
    // One writer of a state.
    expect(templates.map(({ spec }) => spec.accessModes)).toEqual([['ReadWriteOncePod']]);
  });

  it('probes health at the address that the server has for that', () => {
    for (const pod of pods)
      for (const container of containersOf(pod).filter(({ image }) => image === 'prunecast')) {
        const { healthListen } = configOf(place(pod, container, folder));
        for (const probe of [container.startupProbe, container.readinessProbe, container.livenessProbe]) {
          const { grpc, timeoutSeconds = 1 } = probe ?? {};
          expect(healthListen).toEqual([`0.0.0.0:${grpc?.port}`]);
          expect(timeoutSeconds).toBeGreaterThan(1);
        }
        expect(Object.keys(container.resources?.requests ?? {}).sort()).toEqual(['cpu', 'memory']);
        expect(container.resources?.limits).toHaveProperty('memory');
      }
  });

  it('opens the ports that the server listens on, and a service leads to them', () => {
    for (const pod of pods)
      for (const container of containersOf(pod).filter(({ image }) => image === 'prunecast')) {
        const { listen, healthListen, metricsListen } = configOf(place(pod, container, folder));
        const ports = [...listen, ...healthListen, ...(metricsListen === undefined ? [] : [metricsListen])]
          .filter((address) => !address.startsWith('unix:') && !address.startsWith('127.0.0.1:'))
          .map((address) => Number(address.slice(address.lastIndexOf(':') + 1)));
        expect((container.ports ?? []).map(({ containerPort }) => containerPort).sort()).toEqual(ports.sort());
        const names = (container.ports ?? []).map(({ name }) => name);
        const services = objects.filter(({ kind }) => kind === 'Service');
        for (const { spec } of services) {
          for (const { targetPort } of spec?.ports ?? []) expect(names).toContain(targetPort);
          expect(labelsOf(objects)).toMatchObject(spec?.selector ?? {});
        }
      }
  });

  it('is built by kustomize', (context) => {
    const built = spawnSync('kubectl', ['kustomize', join(DEPLOY, folder)], { encoding: 'utf8' });
    if (built.error !== undefined) return context.skip('kubectl is not here');
    expect(built.stderr).toBe('');
    expect(built.stdout).toContain('kind: StatefulSet');
    // The tag of the kustomization is that of this version.
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly version: string };
    expect([...built.stdout.matchAll(/image: (\S+)/g)].map(([, image]) => image)).toEqual(
      pods.flatMap(containersOf).map(() => `prunecast:${version}`),
    );
  });
});

describe('the sidecar', () => {
  const [pod] = podsOf('kubernetes/sidecar');
  const sidecar = pod?.initContainers?.[0];
  const [app] = pod?.containers ?? [];

  it('is a native one: an init container that restarts, so that the app starts after it and ends before it', () => {
    expect(sidecar).toMatchObject({ name: 'prunecast', restartPolicy: 'Always' });
  });

  it('shares its socket with an app under another user of its group, and nothing else', () => {
    expect(sidecar?.securityContext?.runAsUser).not.toBe(app?.securityContext?.runAsUser);
    // The socket has the group of the process and the mode 0660; all containers are in the group of the volumes.
    expect(pod?.securityContext.fsGroup).toBe(sidecar?.securityContext?.runAsGroup);
    expect(loadConfig({}).socketMode).toMatch(/^0?66\d$/);
    const shared = (app?.volumeMounts ?? []).filter(({ name }) =>
      sidecar?.volumeMounts?.some((of) => of.name === name),
    );
    expect(shared).toEqual([{ name: 'socket', mountPath: '/run/prunecast' }]);
  });

  it('is asked by the app with a command that there is, at the address it listens on', () => {
    const [line = ''] = /prunecast [^;]+/.exec(app?.args?.[0] ?? '') ?? [];
    const words = line.split(' ');
    expect(findUnknown(words)).toEqual([]);
    expect(sidecar?.env).toContainEqual({
      name: 'PRUNECAST_LISTEN',
      value: words[words.indexOf('--address') + 1],
    });
  });
});

describe('the image', () => {
  const instructions = readDockerfile();
  const sources = listSources();
  const ignore = readFileSync(join(ROOT, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  /** By the rules of .dockerignore: the last line counts that fits a path, or a folder above it. */
  const isSent = (path: string) =>
    ignore.reduce((sent, line) => {
      const pattern = line
        .replace(/^!/, '')
        .replaceAll('.', '\\.')
        .replaceAll(/\*\*\/|\*/g, (star) => (star === '*' ? '[^/]*' : '(?:.*/)?'));
      return new RegExp(`^${pattern}(?:/.*)?$`).test(path) ? line.startsWith('!') : sent;
    }, true);

  const of = (wanted: string) => instructions.filter(({ name }) => name === wanted).map(({ text }) => text);

  it('is built of what the build needs, and of nothing else', () => {
    const sent = sources.filter(isSent);
    for (const needed of [
      'package.json',
      'package-lock.json',
      '.npmrc',
      'LICENSE',
      'tsconfig.json',
      'tsconfig.build.json',
      'scripts/build-package.mjs',
      'src/cli/main.ts',
      'bench/start.ts',
    ])
      expect(sent).toContain(needed);
    expect(sent.filter((path) => /^(?:test|docs|python|examples|deploy|bench\/results)\//.test(path))).toEqual([]);
    const ignored = ['node_modules/a/index.js', '.git/config', 'dist/src/cli/main.js', '.venv/bin/python'];
    expect(ignored.filter(isSent)).toEqual([]);
  });

  it('copies what there is, and all that the package has to run', () => {
    const copied = instructions
      .filter(({ name, text }) => name === 'COPY' && text.startsWith('--from=build'))
      .flatMap(({ text }) => text.split(/\s+/).slice(1, -1))
      .map((path) => posix.relative('/opt/prunecast', path));
    const made = new Set(['node_modules', 'dist']);
    expect(copied.filter((path) => !made.has(path) && !existsSync(join(ROOT, path)))).toEqual([]);
    const { files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly files: string[] };
    const ran = files
      .filter((path) => !path.startsWith('!') && !path.startsWith('docs/') && !path.endsWith('.md'))
      .map((path) => path.split('/')[0]);
    for (const folder of ran) expect(copied).toContain(folder);
  });

  it('runs scripts that there are', () => {
    const scripts = instructions.flatMap(({ text }) =>
      [...text.matchAll(/node (scripts\/\S+)/g)].map(([, path]) => path),
    );
    expect(scripts).toEqual(['scripts/build-package.mjs']);
    for (const script of scripts) expect(sources.filter(isSent)).toContain(script);
  });

  it('stops by the signal that drains, is checked by a command that there is, and is not root', () => {
    expect(of('STOPSIGNAL')).toEqual(['SIGTERM']);
    expect(of('USER')).toEqual(['10001:10001']);
    const [entry = '[]'] = of('ENTRYPOINT');
    const [command = '[]'] = of('CMD');
    const words = [...(JSON.parse(entry) as string[]), ...(JSON.parse(command) as string[])];
    expect(words).toEqual(['prunecast', 'serve']);
    const [, check = '[]'] = /CMD (\[.*\])$/.exec(of('HEALTHCHECK')[0] ?? '') ?? [];
    expect(findUnknown(JSON.parse(check) as string[])).toEqual([]);
    expect(of('EXPOSE')).toEqual([CONFIG_SCHEMA.shape.listen.parse(undefined)[0]?.split(':')[1]]);
    // The first stage that is not named is what runs: a glibc, which ONNX Runtime needs.
    expect(of('ARG')[0]).toMatch(/^NODE_IMAGE=node:\d+-bookworm-slim$/);
  });
});

describe('the compose file', () => {
  it('opens ports to this machine alone', () => {
    const ports = Object.values(compose?.services ?? {}).flatMap(({ ports: own = [] }) => own);
    expect(ports.length).toBeGreaterThan(0);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('publishes and scrapes ports that the server listens on', () => {
    const { listen, metricsListen } = loadConfig({ ...IMAGE, ...server?.environment });
    expect(listen.map((address) => address.split(':')[1])).toEqual(server?.ports?.map((port) => port.split(':')[2]));
    const targets = scraping?.scrape_configs.flatMap(({ static_configs: groups }) =>
      groups.flatMap((group) => group.targets),
    );
    expect(targets).toEqual([`prunecast:${metricsListen?.split(':')[1]}`]);
  });

  it('runs the server on a read-only root without capabilities', () => {
    expect(server).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
  });
});

describe('the systemd unit', () => {
  it('passes systemd-analyze verify, and is rated safe', (context) => {
    if (spawnSync('systemd-analyze', ['--version']).error !== undefined)
      return context.skip('systemd-analyze is not here');
    const folder = mkdtempSync(join(tmpdir(), 'prunecast-unit-'));
    try {
      const path = join(folder, 'prunecast.service');
      // What need not be on this machine: the command, and its user.
      const text = readFileSync(join(DEPLOY, 'systemd/prunecast.service'), 'utf8')
        .replace(/^ExecStart=\S+/m, 'ExecStart=/bin/true')
        .replace(/^(User|Group)=.*$/gm, '$1=root');
      writeFileSync(path, text);
      const verified = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
      expect([verified.status, verified.stderr]).toEqual([0, '']);
      const rated = execFileSync('systemd-analyze', ['security', '--offline=true', path], { encoding: 'utf8' });
      expect(Number(/exposure level for \S+: ([\d.]+)/.exec(rated)?.[1])).toBeLessThan(2.5);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function labelsOf(objects: readonly KubernetesObject[]): Readonly<Record<string, string>> {
  return objects.find(({ spec }) => spec?.template !== undefined)?.spec?.template?.metadata.labels ?? {};
}
