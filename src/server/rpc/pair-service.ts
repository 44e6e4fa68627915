import { PrunecastError } from '../../core/errors/prunecast-error.js';
import { PairServiceService, SamplePairsRequest } from '../../gen/prunecast/v1/pair.js';
import type { Jobs } from '../jobs/jobs.js';
import { startPrepared } from '../jobs/start-prepared.js';
import { exportPairs } from '../pairs/export-pairs.js';
import { importPairs } from '../pairs/import-pairs.js';
import { prepareSample, SAMPLE_JOB } from '../pairs/prepare-sample.js';
import type { PairSetStore } from '../store/pair-set-store.js';
import type { SearchServices } from '../studies/prepare-search.js';
import { digestRequest } from './request-digest.js';
import { defineService, type RpcService } from './rpc-service.js';
import { serveClientStream } from './serve-client-stream.js';
import { serveStream } from './serve-stream.js';
import { serveUnary } from './serve-unary.js';

export interface PairServices extends SearchServices {
  readonly jobs: Jobs;
  readonly pairSets: PairSetStore;
}

/** `PairService`: the paper's first step alone, and its results in and out. */
export function createPairService(services: PairServices): RpcService {
  const { jobs } = services;
  return defineService(PairServiceService, {
    samplePairs: serveUnary(async (request) => {
      const started = await startPrepared(
        jobs,
        { kind: SAMPLE_JOB, requestId: request.search?.requestId ?? '', requestDigest: digestRequest(SAMPLE_JOB, SamplePairsRequest, request) },
        () => prepareSample(services, request),
      );
      if ('plan' in started) throw new PrunecastError('INTERNAL', 'a sample has no plan');
      return { job: await jobs.get(started.jobId) };
    }),
    importPairs: serveClientStream((requests) => importPairs(services, requests)),
    exportPairs: serveStream((request) => exportPairs(services, request)),
  });
}
