import { createHash } from 'node:crypto';
import { copyFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Architecture } from '../../../../src/core/model/shape.js';
import { NO_TELEMETRY } from '../../../../src/core/ports/telemetry.js';
import type { EvaluationSubject, Evaluator } from '../../../../src/core/ports/evaluator.js';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { sql, type Kysely } from 'kysely';
import type { KeptUnits } from '../../../../src/gen/prunecast/v1/common.js';
import { JobEvent, JobKind } from '../../../../src/gen/prunecast/v1/job.js';
import { SamplePairsRequest } from '../../../../src/gen/prunecast/v1/pair.js';
import { Predictor } from '../../../../src/gen/prunecast/v1/predictor_types.js';
import { EvaluateRequest, Preset, PruneRequest, SearchRequest } from '../../../../src/gen/prunecast/v1/pruning.js';
import { CompensationFit, Control, StudyReport } from '../../../../src/gen/prunecast/v1/study_types.js';
import type { Schema } from '../../../../src/server/adapters/sqlite/schema.js';
import { architectureKey } from '../../../../src/core/model/architecture-key.js';
import { fidelityDigest } from '../../../../src/server/encoding/measurement.js';
import { createLabelQueue } from '../../../../src/server/adapters/in-process-queue/label-queue.js';
import { evaluatorLabeller, orderLabels } from '../../../../src/server/labels/label-task.js';
import { newPredictor } from '../../../../src/server/records/predictor-records.js';
import { openDatabase } from '../../../../src/server/adapters/sqlite/open-database.js';
import { unattended } from '../../../support/demo-model.js';
import { makeFolder } from '../../../support/test-server.js';
import { recordsIn } from '../../../support/test-database.js';

/** Files that servers of earlier schemas left behind; they are never written again. */
const STORES = resolve(import.meta.dirname, '../../../fixtures/store');

let folder = '';
beforeEach(async () => {
  folder = await makeFolder();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe.each([1, 2, 3, 4, 5])('a state folder of schema %i', (schema) => {
  it('opens with all that it held, and takes what later schemas added', async () => {
    await copyFile(join(STORES, `schema-${schema}.db`), join(folder, 'prunecast.db'));
    for (const opening of [1, 2]) {
      const { database, close } = await openDatabase(folder);
      expect(
        (await recordsIn(database).jobs.unfinished()).map(({ id }) => id),
        `opening ${opening}`,
      ).toEqual(schema < 3 ? ['job-1'] : ['job-1', 'job-2']);
      expect(await recordsIn(database).studies.get('study-1')).toMatchObject({ seed: 7, model: 'stories260k' });
      expect(await recordsIn(database).studies.trials('study-1')).toMatchObject([
        { number: 1, metrics: { perplexity: 3 } },
      ]);
      expect(await recordsIn(database).pairSets.ofStudy('study-1')).toMatchObject([{ pairs: [{ rates: [0.5] }] }]);
      const [label] = await recordsIn(database).store.labels.getMany([
        {
          checkpointDigest: 'c',
          measurementFingerprint: 'm',
          fidelityDigest: 'f',
          recipeDigest: 'r',
          architectureKey: 'a',
        },
      ]);
      expect(label).toMatchObject({ metrics: { perplexity: 12.25 }, tokensSpent: 128 });
      const [other] = await recordsIn(database).store.labels.getMany([
        {
          checkpointDigest: 'c',
          measurementFingerprint: 'm',
          fidelityDigest: 'f',
          recipeDigest: 'r',
          architectureKey: 'b',
        },
      ]);
      expect(other?.items['hits']).toEqual(schema < 4 ? undefined : Float64Array.of(9));
      const predictors = recordsIn(database).predictors;
      expect(await predictors.get('predictor-1')).toMatchObject({
        model: Uint8Array.of(3, 4, 5),
        predictor: { backend: 'ridge' },
      });
      expect(await predictors.evidence('predictor-1')).toBeUndefined();
      expect((await predictors.evidence('predictor-2'))?.targets).toEqual(
        schema < 2 ? undefined : Float64Array.of(1 / 3, 2),
      );
      expect(await recordsIn(database).studies.events('study-1')).toEqual([{ event: { a: 1 }, seconds: 0 }]);
      expect(await recordsIn(database).jobs.fruitlessStarts('job-1')).toBe(0);
      // Its time was stored inside of the event then.
      expect(await recordsIn(database).jobs.eventsAfter('job-1', 0, 10)).toMatchObject([
        { jobId: 'job-1', sequence: 1n, time: { seconds: 0n, nanos: 5_000_000 }, payload: { $case: 'queued' } },
      ]);
      expect(await recordsIn(database).jobs.request('job-1')).toBeUndefined();
      expect(await recordsIn(database).jobs.request('job-2')).toEqual(
        schema < 3 ? undefined : { bytes: Uint8Array.of(10, 1, 109), plan: undefined },
      );
      await close();
    }
    const { database, close } = await openDatabase(folder);
    const { store, predictors } = recordsIn(database);
    const evidence = {
      rates: Float32Array.of(0.25, 0.5),
      targets: Float64Array.of(1 / 3, 2),
      importances: Float64Array.of(Math.PI),
      residuals: Float64Array.of(),
    };
    await store.keep([newPredictor({ predictor: Predictor.create({ id: 'new' }), model: Uint8Array.of(1) }, evidence)]);
    expect(await predictors.evidence('new')).toEqual(evidence);
    await predictors.remove('new');
    expect(await predictors.evidence('new')).toBeUndefined();
    await close();
  });
});

describe('labels that version 0.1 measured', () => {
  const architecture: Architecture = [{ kvHeads: 1, queryHeadsPerKv: 1, ffnChannels: 1 }];
  const measured = {
    metrics: { perplexity: 9 },
    items: { losses: Float64Array.of(2), hits: Float64Array.of(1), tokens: Float64Array.of(3) },
  };

  const evaluator = {
    metrics: [{ name: 'perplexity' }],
    reduce: () => measured,
  } as unknown as Evaluator;

  /** What a label queue gives for a measurement, in a store where version 0.1 has labelled the same with BOS and without. */
  async function label(bos: boolean) {
    await copyFile(join(STORES, 'schema-4.db'), join(folder, 'prunecast.db'));
    const { database, close } = await openDatabase(folder);
    const { store } = recordsIn(database);
    const fidelity = { tokens: 4, items: [0], precision: 'float32' } as const;
    const shared = {
      checkpointDigest: 'c',
      fidelityDigest: fidelityDigest(fidelity),
      recipeDigest: 'r',
      architectureKey: architectureKey(architecture),
    };
    for (const then of [false, true]) {
      const written = `{"bos":${then},"promptFormat":"","scorer":"s","stride":4,"textDigest":"t","tokenizerDigest":"k","window":4}`;
      await store.keep([
        {
          kind: 'label',
          key: { ...shared, measurementFingerprint: createHash('sha256').update(written).digest('hex') },
          label: { ...measured, metrics: { perplexity: 7 }, tokensSpent: 4 },
        },
      ]);
    }
    const measurement = {
      textDigest: 't',
      tokenizerDigest: 'k',
      window: 4,
      stride: 4,
      bos,
      bosToken: bos ? 1 : undefined,
      scorer: 's',
      promptFormat: '',
    };
    const subject = {
      shape: { layers: [{ kvHeads: 2, queryHeadsPerKv: 1, ffnChannels: 2 }] },
      observe: observeOnce,
      countTokens: () => 4,
    } as unknown as EvaluationSubject;
    const target = {
      checkpointDigest: 'c',
      requireUnchanged: async () => undefined,
      recipeDigest: 'r',
      subject,
      measurements: [{ name: '', evaluator, options: {}, plan: { sequences: [], measurement, fidelity } }],
    };
    const labels = [];
    const queue = createLabelQueue({ labels: store.labels, labeller: evaluatorLabeller, telemetry: NO_TELEMETRY });
    for await (const found of queue.label(orderLabels(target, [architecture]), unattended))
      if ('label' in found) labels.push(found.label);
    await close();
    return labels;
  }

  it('are found again where they were measured without BOS', async () => {
    expect(await label(false)).toMatchObject([{ metrics: { perplexity: 7 }, tokensSpent: 0 }]);
  });

  it('are measured again where they were measured with BOS, since the token may have been that of another model', async () => {
    expect(await label(true)).toMatchObject([{ metrics: { perplexity: 9 }, tokensSpent: 4 }]);
  });
});

const writer = () => new BinaryWriter();
const message = (number: number, bytes: Uint8Array) =>
  writer().tag(number, WireType.LengthDelimited).bytes(bytes).finish();

const asLists = (kept: KeptUnits | undefined) => ({
  layers: kept?.layers.map(({ kvGroups, queryHeads, ffnChannels }) => ({
    kvGroups: [...kvGroups],
    queryHeads: [...queryHeads],
    ffnChannels: [...ffnChannels],
  })),
});

async function openEarlier(write: (database: Kysely<Schema>) => Promise<void>) {
  const { database, close } = await openDatabase(folder);
  await write(database);
  for (const column of ['phases', 'labels', 'caller', 'origin'])
    await sql`ALTER TABLE jobs DROP COLUMN ${sql.ref(column)}`.execute(database);
  await database.updateTable('schema_version').set({ version: 8 }).execute();
  await close();
  return openDatabase(folder);
}

const insertJob = async (database: Kysely<Schema>, kind: JobKind, request: Uint8Array, event = new Uint8Array()) => {
  const id = `job-${kind}`;
  const common = { request_id: null, request_digest: '', study_id: '', created_ms: 0, queue_place: 0 };
  await database
    .insertInto('jobs')
    .values({ id, kind, state: 4, last_sequence: 1, ...common })
    .execute();
  await database.insertInto('job_requests').values({ job_id: id, request }).execute();
  await database.insertInto('events').values({ job_id: id, sequence: 1, time_ms: null, event }).execute();
};

describe('messages of a version that listed kept units and named presets and controls by text', () => {
  const units = message(
    1,
    [
      [1, [0, 2]],
      [2, [0, 1, 4, 5]],
      [3, [3, 17, 8]],
    ]
      .reduce((layer, [number, list]) => {
        layer.tag(number as number, WireType.LengthDelimited).fork();
        for (const unit of list as number[]) layer.int32(unit);
        return layer.join();
      }, writer())
      .finish(),
  );
  const packed = { layers: [{ kvGroups: [0b101], queryHeads: [0b0011_0011], ffnChannels: [8, 1, 2] }] };
  const search = writer()
    .raw(SearchRequest.encode(SearchRequest.fromPartial({ model: 'm', seed: 3n })).finish())
    .tag(23, WireType.LengthDelimited)
    .string('paper')
    .tag(26, WireType.LengthDelimited)
    .string('uniform-best')
    .tag(26, WireType.LengthDelimited)
    .string('paper-recipe/uniform-paper')
    .finish();
  const found = {
    model: 'm',
    seed: 3n,
    preset: Preset.PAPER,
    controls: [Control.UNIFORM_BEST, Control.PAPER_RECIPE_UNIFORM_PAPER],
  };
  const report = {
    stream: true,
    summary: 's',
    phases: [{ phase: 3, seconds: 2.5 }],
    winnerUnits: { layers: [{ kvGroups: [0, 2], ffnChannels: [9] }] },
  };

  it('are read by this version', async () => {
    const ended = writer()
      .raw(message(5, writer().raw(message(16, units)).tag(19, WireType.Varint).bool(true).finish()))
      .finish();
    const { database, close } = await openEarlier(async (earlier) => {
      await insertJob(earlier, JobKind.PRUNE, message(7, units), message(11, message(3, message(5, units))));
      await insertJob(earlier, JobKind.EVALUATE, message(3, message(5, units)));
      await insertJob(earlier, JobKind.SEARCH, search, message(11, ended));
      await insertJob(earlier, JobKind.SAMPLE_PAIRS, message(1, search));
      const study = { id: 'study-1', job_id: 'job-3', model: 'm', checkpoint_digest: '', seed: 3, state: 4 };
      await earlier
        .insertInto('studies')
        .values({
          ...study,
          request: search,
          plan: 'null',
          progress: 'null',
          report: JSON.stringify(report),
          created_ms: 0,
        })
        .execute();
    });
    const { store } = recordsIn(database);
    const request = async (kind: JobKind) => (await store.jobs.request(`job-${kind}`))?.bytes ?? new Uint8Array();
    const result = async (kind: JobKind) => {
      const [event] = await store.jobs.eventsAfter(`job-${kind}`, 0, 1);
      const { payload } = JobEvent.decode(event?.payload ?? new Uint8Array());
      return payload?.$case === 'ended' ? payload.value.result : undefined;
    };
    const { selection } = PruneRequest.decode(await request(JobKind.PRUNE));
    expect(selection?.$case === 'keptUnits' && asLists(selection.value)).toEqual(packed);
    const [first] = EvaluateRequest.decode(await request(JobKind.EVALUATE)).targets;
    expect(first?.target?.$case === 'keptUnits' && asLists(first.target.value)).toEqual(packed);
    expect(SearchRequest.decode(await request(JobKind.SEARCH))).toMatchObject(found);
    expect(SamplePairsRequest.decode(await request(JobKind.SAMPLE_PAIRS)).search).toMatchObject(found);
    const pruned = await result(JobKind.PRUNE);
    expect(pruned?.$case === 'prune' && asLists(pruned.value.keptUnits)).toEqual(packed);
    const searched = await result(JobKind.SEARCH);
    expect(searched?.$case === 'search' && asLists(searched.value.winnerUnits)).toEqual(packed);
    expect(searched?.value).toMatchObject({ compensationFit: CompensationFit.STREAM });
    const study = await recordsIn(database).studies.get('study-1');
    expect(SearchRequest.decode(study.request)).toMatchObject(found);
    const stored = StudyReport.fromJSON(study.report);
    expect(stored).toMatchObject({
      summary: 's',
      compensationFit: CompensationFit.STREAM,
      phases: [{ elapsedSeconds: 2.5 }],
    });
    expect(asLists(stored.winnerUnits)).toEqual({
      layers: [{ kvGroups: [0b101], queryHeads: [], ffnChannels: [0, 2] }],
    });
    await close();
  });

  it('stay as they are where they cannot be read, and keep no server from starting', async () => {
    const broken = Uint8Array.of(0x3a, 0xff, 0x01);
    const { database, close } = await openEarlier((earlier) => insertJob(earlier, JobKind.PRUNE, broken, broken));
    expect((await recordsIn(database).store.jobs.request('job-1'))?.bytes).toEqual(broken);
    await close();
  });
});

async function* observeOnce() {
  yield { index: 0, losses: Float64Array.of(2), hits: Int32Array.of(1) };
}
