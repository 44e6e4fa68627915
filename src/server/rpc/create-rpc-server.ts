import { Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';
import type { Authenticator } from '../../core/ports/authenticator.js';
import { AdminServiceService } from '../../gen/prunecast/v1/admin.js';
import { CatalogServiceService } from '../../gen/prunecast/v1/catalog.js';
import { FileServiceService } from '../../gen/prunecast/v1/file.js';
import { JobServiceService } from '../../gen/prunecast/v1/job.js';
import { ModelServiceService } from '../../gen/prunecast/v1/model.js';
import { PairServiceService } from '../../gen/prunecast/v1/pair.js';
import { PredictorServiceService } from '../../gen/prunecast/v1/predictor.js';
import { PruningServiceService } from '../../gen/prunecast/v1/pruning.js';
import { StudyServiceService } from '../../gen/prunecast/v1/study.js';
import type { Config } from '../config/config.js';
import { KEEPALIVE_ANSWER_MS, KEEPALIVE_MS, MAX_CONNECTION_CALLS, MAX_MESSAGE_BYTES } from '../config/limits.js';
import { documentedRegistry } from '../requests/api-registry.js';
import type { Certificates } from '../tls/certificates.js';
import { bindAddress, bindSharedSocket, isSocket } from './bind-address.js';
import { createCallRunner, type CallRunner } from './call-runner.js';
import type { CallSettings } from './call-settings.js';
import { createHealthService } from './health-service.js';
import { createReflectionServices } from './reflection-service.js';
import { addService, serviceName, type RpcService } from './rpc-service.js';
import { createTlsCredentials } from './tls-credentials.js';
import { serveUnknownMethods } from './unknown-methods.js';

/** All services of the public API: a method without a handler is there too, and answers NOT_IMPLEMENTED. */
const API: readonly ServiceDefinition[] = [
  PruningServiceService,
  JobServiceService,
  StudyServiceService,
  PairServiceService,
  PredictorServiceService,
  ModelServiceService,
  FileServiceService,
  CatalogServiceService,
  AdminServiceService,
];

/** A gRPC server. */
export interface RpcServer {
  /** Listens on an address; returns it with its port filled in. */
  listen(address: string): Promise<string>;
  /** The same without encryption and without an identity, for a socket that only this user can open. */
  listenPrivately(address: string): Promise<string>;
  /** Listens for questions about health alone, without encryption and without an identity. */
  listenForHealth(address: string): Promise<string>;
  /** Takes no new calls, and waits until those under way have ended; what is left after `graceMs` is cut off. */
  close(graceMs: number): Promise<void>;
}

/**
 * A server of the whole API, with health and reflection, whose handlers are those of `services`; the first of two for
 * one service counts.
 */
export function createRpcServer(
  services: readonly RpcService[],
  { config, certificates }: { readonly config: Config; readonly certificates: Certificates | undefined },
  settings: CallSettings,
): RpcServer {
  const [server, own, health] = [
    serveApi(services, settings),
    serveApi(services, { ...settings, authenticator: EVERYONE }),
    serveHealth({ ...settings, authenticator: EVERYONE }),
  ];
  const plain = ServerCredentials.createInsecure();
  const secure = certificates === undefined ? plain : createTlsCredentials(certificates);
  return {
    listen: (address) =>
      isSocket(address) ? bindSharedSocket(server, address, config) : bindAddress(server, address, secure),
    listenPrivately: (address) => bindAddress(own, address, plain),
    listenForHealth: (address) => bindAddress(health, address, plain, HEALTH_LISTEN),
    close: async (graceMs) => {
      await Promise.all([server, own].map((open) => close(open, graceMs)));
      // The last to go, so that probes see NOT_SERVING meanwhile. Its watchers have ended with the others.
      await close(health, 0);
    },
  };
}

const EVERYONE: Authenticator = { check: () => undefined };

const HEALTH_LISTEN = { flag: '--health-listen', variable: 'PRUNECAST_HEALTH_LISTEN', example: '127.0.0.1:0' } as const;

async function close(server: Server, graceMs: number): Promise<void> {
  // tryShutdown never calls back while a stream is open, so it races a timer.
  const timer = setTimeout(() => server.forceShutdown(), graceMs);
  await new Promise<void>((resolve) => server.tryShutdown(() => resolve()));
  clearTimeout(timer);
}

function openServer(calls: CallRunner): Server {
  return new Server({
    interceptors: [calls.guard],
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_concurrent_streams': MAX_CONNECTION_CALLS,
    // A caller that vanished is noticed within a minute, and its calls end; so is one that never spoke.
    'grpc.keepalive_time_ms': KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
  });
}

function serveHealth(settings: CallSettings): Server {
  const calls = createCallRunner(settings);
  const server = openServer(calls);
  addService(server, createHealthService(API.map(serviceName), settings.state), calls);
  serveUnknownMethods(server, calls);
  return server;
}

function serveApi(services: readonly RpcService[], settings: CallSettings): Server {
  const calls = createCallRunner(settings);
  const server = openServer(calls);
  const names = API.map(serviceName);
  for (const definition of API) {
    addService(
      server,
      services.find((service) => service.definition === definition) ?? { definition, handlers: {} },
      calls,
    );
  }
  addService(server, createHealthService(names, settings.state), calls);
  for (const reflection of createReflectionServices(documentedRegistry, [
    ...names,
    'grpc.health.v1.Health',
    'grpc.reflection.v1.ServerReflection',
  ])) {
    addService(server, reflection, calls);
  }
  serveUnknownMethods(server, calls);
  return server;
}
