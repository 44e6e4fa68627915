import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { credentials, status } from '@grpc/grpc-js';
import { ContainerModule } from 'inversify';
import { expect, it, vi } from 'vitest';
import {
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthClient,
} from '../../../src/gen/grpc/health/v1/health.js';
import { ServingState } from '../../../src/core/serving-state.js';
import { JobServiceClient, ListJobsRequest } from '../../../src/gen/prunecast/v1/job.js';
import { TOKENS } from '../../../src/server/tokens.js';
import { startSourceServer } from '../../support/source-server.js';
import { ask, failureOf, makeFolder } from '../../support/test-server.js';

it('a server that recovers answers health with NOT_SERVING, refuses calls, and tells its watchers when it serves', async () => {
  const folder = await makeFolder();
  const address = `unix:${join(folder, 'server.sock')}`;
  let recovered: (() => void) | undefined;
  const recovering = new Promise<void>((resolve) => {
    recovered = resolve;
  });
  let isAsked = false;
  const outputs = new ContainerModule(({ bind }) => {
    bind(TOKENS.outputs).toConstantValue({
      sweep: () => {
        isAsked = true;
        return recovering;
      },
    } as never);
  });
  const starting = startSourceServer({ folder, modules: [outputs] });
  await vi.waitFor(() => expect(isAsked).toBe(true), 20_000);
  const health = new HealthClient(address, credentials.createInsecure());
  const jobs = new JobServiceClient(address, credentials.createInsecure());
  try {
    for (const service of ['', 'prunecast.v1.JobService'])
      expect(await ask(health, health.check, { service })).toEqual({ status: ServingStatus.NOT_SERVING });
    expect(await failureOf(ask(jobs, jobs.listJobs, ListJobsRequest.fromPartial({})))).toMatchObject({
      code: status.UNAVAILABLE,
      reason: 'SERVER_STARTING',
    });
    const watch = (
      health.watch({ service: 'prunecast.v1.JobService' }).on('error', () => undefined) as AsyncIterable<unknown>
    )[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ value: { status: ServingStatus.NOT_SERVING } });
    const next = watch.next();
    expect(await Promise.race([next, sleep(50, 'nothing')])).toBe('nothing');
    recovered?.();
    expect(await next).toMatchObject({ value: { status: ServingStatus.SERVING } });
    await using server = await starting;
    expect(server.address).toBe(address);
    expect((await ask(jobs, jobs.listJobs, ListJobsRequest.fromPartial({}))).jobs).toEqual([]);
  } finally {
    recovered?.();
    health.close();
    jobs.close();
    await (await starting).stop();
    await rm(folder, { recursive: true, force: true });
  }
});

it('a server that drains never serves again', () => {
  const state = new ServingState();
  const seen: string[] = [];
  const leave = state.onChange(() => seen.push(state.phase));
  for (const phase of ['starting', 'serving', 'serving', 'draining', 'serving'] as const) state.enter(phase);
  expect(seen).toEqual(['serving', 'draining']);
  leave();
  expect(state.phase).toBe('draining');
});
