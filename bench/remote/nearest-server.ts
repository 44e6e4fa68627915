import { createHash } from 'node:crypto';
import { Server, ServerCredentials, status } from '@grpc/grpc-js';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthService,
  type HealthServer,
} from '../../src/gen/grpc/health/v1/health.js';
import {
  PluginServiceService,
  PredictorServiceService,
  type FitStart,
  type LoadStateStart,
  type PluginServiceServer,
  type PredictorServiceServer,
} from '../../src/gen/prunecast/plugin/v1/plugin.js';
import { predictNearest, readNearest, writeNearest, type NearestPairs } from './nearest.js';

/* The predictor of the bench as a process of its own, which the server launches. */

const states = new Map<string, NearestPairs>();
const keep = (state: Buffer): void => {
  states.set(createHash('sha256').update(state).digest('hex'), readNearest(state));
};
const floats = (bytes: Buffer): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

const plugin: PluginServiceServer = {
  getInfo: (_call, answer) => {
    const kind = {
      $case: 'predictor',
      value: { leastPairs: 2, mostPairs: 10_000, quickOptions: undefined },
    } as const;
    const info = {
      id: 'nearest',
      version: '1',
      summary: 'The mean of the nearest pairs.',
      optionsSchema: undefined,
      overrides: false,
      kind,
    };
    answer(null, { protocolVersion: 1, concurrentCalls: 0, plugins: [info] });
  },
};
const predictor: PredictorServiceServer = {
  fit: (call) => {
    let start: FitStart | undefined;
    const rates: number[] = [];
    const targets: number[] = [];
    call.on('data', ({ part }) => {
      if (part?.$case === 'start') start = part.value;
      else if (part?.$case === 'pairs') {
        rates.push(...floats(part.value.encodings?.rates ?? Buffer.alloc(0)));
        targets.push(...new Float64Array(Uint8Array.from(part.value.targets).buffer));
      }
    });
    call.on('end', () => {
      const columns = start?.dimensions.length ?? 0;
      const pairs = { neighbours: 5, columns, rates: Float32Array.from(rates), targets: Float64Array.from(targets) };
      const state = writeNearest(pairs);
      keep(state);
      for (let from = 0; from < state.length; from += 1_000_000)
        call.write({ state: state.subarray(from, from + 1_000_000) });
      call.end();
    });
  },
  loadState: (call, answer) => {
    let start: LoadStateStart | undefined;
    const pieces: Buffer[] = [];
    call.on('data', ({ part }) => {
      if (part?.$case === 'start') start = part.value;
      else if (part?.$case === 'state') pieces.push(part.value);
    });
    call.on('end', () => {
      const state = Buffer.concat(pieces);
      if (state.length !== Number(start?.bytes))
        return answer({ code: status.DATA_LOSS, details: 'bytes are missing' });
      keep(state);
      answer(null, {});
    });
  },
  predict: ({ request: { stateId, encodings } }, answer) => {
    const pairs = states.get(stateId);
    if (pairs === undefined) return answer({ code: status.NOT_FOUND, details: 'no such state' });
    const batch = { rates: floats(encodings?.rates ?? Buffer.alloc(0)), columns: encodings?.dimensions ?? 0 };
    answer(null, { means: Buffer.from(predictNearest(pairs, batch).buffer), deviations: Buffer.alloc(0) });
  },
};
const health: HealthServer = {
  check: (_call, answer) => answer(null, { status: ServingStatus.SERVING }),
  list: (_call, answer) => answer(null, { statuses: {} }),
  watch: (call) => call.end(),
};
const server = new Server();
server.addService(PluginServiceService, plugin);
server.addService(PredictorServiceService, predictor);
server.addService(HealthService, health);
const address = process.env['PRUNECAST_PLUGIN_ADDRESS'] ?? '';
server.bindAsync(address, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
  console.log(`prunecast-plugin/1 ${address}`);
});
process.stdin.on('end', () => process.exit()).resume();
