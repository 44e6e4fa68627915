import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { setMaxListeners } from 'node:events';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createClient, startLocalServer, type PrunecastClient } from '../src/client/index.js';
import { createRng } from '../src/core/random.js';
import { describeCpu, describeLoad } from './describe-cpu.js';
import { residentMib } from './resident-mib.js';

/*
 * npm run bench:watchers -- --json FILE: what watchers of a job that does nothing cost a server in resident memory, each
 * over a connection of its own, and all over one. The job waits behind an evaluation. Needs Linux.
 */

const { values: flags } = parseArgs({
  options: {
    watchers: { type: 'string', default: '1000' },
    /** How long the memory may settle before it is read. */
    'settle-seconds': { type: 'string', default: '10' },
    json: { type: 'string' },
  },
});

const watchers = Number(flags.watchers);
const settleMs = Number(flags['settle-seconds']) * 1000;

const summary = {
  cpu: describeCpu(1),
  load: describeLoad(),
  watchers,
  own_connections: await measure(watchers),
  one_connection: await measure(1),
};
for (const [name, { added_mib: added }] of [
  ['over connections of their own', summary.own_connections],
  ['over one connection', summary.one_connection],
] as const)
  console.log(`${watchers} watchers ${name}: ${added} MiB`);
if (flags.json !== undefined) await writeFile(flags.json, `${JSON.stringify(summary, undefined, 2)}\n`);

async function measure(connections: number) {
  const folder = await mkdtemp(join(tmpdir(), 'prunecast-watchers-'));
  const server = await startLocalServer({
    environment: {
      PRUNECAST_LISTEN: `unix:${join(folder, 'server.sock')}`,
      PRUNECAST_STATE_DIRECTORY: join(folder, 'state'),
      PRUNECAST_MODEL_ROOTS: resolve('models'),
      PRUNECAST_OUTPUT_ROOT: join(folder, 'outputs'),
      PRUNECAST_THREADS: '1',
      PRUNECAST_LOG_LEVEL: 'error',
    },
  });
  const clients: PrunecastClient[] = [];
  const leave = new AbortController();
  setMaxListeners(0, leave.signal);
  try {
    const starter = createClient({ address: server.address });
    clients.push(starter);
    // One job computes, as long as it takes; the other waits behind it.
    await startEvaluation(starter, 1);
    const jobId = await startEvaluation(starter, 2);
    await pause(settleMs);
    const before = await residentMib(server.processId);
    const open = Array.from({ length: connections }, () => createClient({ address: server.address }));
    clients.push(...open);
    const seen = new Set<number>();
    const streams = Array.from({ length: watchers }, async (_, index) => {
      const client = open[index % open.length] ?? starter;
      for await (const event of client.services.jobs.watchJob({ jobId }, { signal: leave.signal }))
        if (event.event?.sequence === 1n) seen.add(index);
    });
    const ended = Promise.allSettled(streams);
    for (const giveUpAt = Date.now() + 120_000; seen.size < watchers; ) {
      if (Date.now() > giveUpAt) throw new Error(`${seen.size} of ${watchers} watchers saw the first event`);
      await pause(100);
    }
    await pause(settleMs);
    const after = await residentMib(server.processId);
    const states = await starter.services.jobs.getJob({ jobId });
    if (states.job?.startTime !== undefined) throw new Error('the job that was watched did not wait');
    leave.abort();
    await ended;
    return { before_mib: Math.round(before), after_mib: Math.round(after), added_mib: Math.round(after - before) };
  } finally {
    leave.abort();
    for (const client of clients) client.close();
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** An evaluation of more architectures than can be measured in time. */
async function startEvaluation(client: PrunecastClient, seed: number): Promise<string> {
  const rng = createRng(seed);
  const ids = Array.from({ length: 128 * 2048 }, () => rng.integer(500));
  const targets = Array.from({ length: 500 }, (_, index) => ({
    target: { $case: 'uniformRate' as const, value: index / 1000 },
  }));
  const request = {
    model: 'stories260k',
    targets,
    recipe: { criterion: { id: 'magnitude' }, compensation: { id: 'none' } },
    measurement: { text: { source: { $case: 'tokenIds' as const, value: { ids } } } },
  };
  for await (const { jobId } of client.evaluate(request)) if (jobId !== '') return jobId;
  throw new Error('the evaluation did not start');
}
