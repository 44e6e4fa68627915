import { CallError, createClient, Effort, type JobEvent, type StudyReport } from 'prunecast-client';

/* The four verbs on the demo model: a Search is followed across lost connections, and an error is read in full. */

const MODEL = 'stories260k';
const TEXT = { source: { $case: 'path', value: 'stories260k/stories.json' } } as const;

const client = createClient({ address: process.argv[2] ?? '127.0.0.1:50051' });
try {
  await evaluate();
  await predict(await search());
  await prune();
  await pruneTooMuch();
} catch (error) {
  printError(error);
  process.exitCode = 1;
} finally {
  client.close();
}

/** Measures the unpruned model on 4,096 tokens. */
async function evaluate(): Promise<void> {
  const [dense] = await client.runEvaluate({
    model: MODEL,
    measurement: { text: TEXT },
    fidelity: { tokenLimit: 4096n },
  });
  console.log(`evaluate: the unpruned model has a perplexity of ${dense?.metrics['perplexity']?.toFixed(3)}`);
}

/** Searches for the best model with a fifth fewer parameters. */
function search(): Promise<StudyReport> {
  return client.runSearch(
    {
      requestId: `search-${crypto.randomUUID()}`, // the same id attaches to the same job; the client makes one if there is none
      model: MODEL,
      texts: { text: TEXT },
      budgets: [{ limit: { $case: 'removedShare', value: 0.2 } }],
      effort: Effort.QUICK,
      output: 'typescript-winner',
      overwrite: true,
    },
    {
      onEvent: printEvent,
      onLost: ({ error }) => console.log(`search: lost the server (${error.code}), resuming`),
    },
  );
}

function printEvent({ sequence, payload }: JobEvent): void {
  if (payload?.$case === 'progress') {
    const { activity, done, total } = payload.value;
    console.log(`search: event ${sequence}, ${activity} ${done}/${total}`);
  } else if (payload?.$case === 'ended' && payload.value.result?.$case === 'search') {
    console.log(`search: event ${sequence}, ended: ${payload.value.result.value.summary}`);
  } else {
    console.log(`search: event ${sequence}, ${payload?.$case}`);
  }
}

/** Asks the predictor of the study about the winner, without running the model. */
async function predict({ predictorId, winner }: StudyReport): Promise<void> {
  const architectures = winner?.architecture === undefined ? [] : [winner.architecture];
  const { predictions } = await client.predict({ predictorId, architectures });
  const [{ metric, mean, low, high } = { metric: '', mean: [], low: [], high: [] }] = predictions;
  console.log(
    `predict: the winner's ${metric} is ${mean[0]?.toFixed(3)}, from ${low[0]?.toFixed(3)} to ${high[0]?.toFixed(3)}`,
  );
}

/** Removes a fifth of each layer's heads and channels. */
async function prune(): Promise<void> {
  const { output, bytes } = await client.runPrune({
    model: MODEL,
    selection: { $case: 'uniformRate', value: 0.2 },
    recipe: { calibration: { text: TEXT } },
    output: 'typescript-pruned',
    overwrite: true,
  });
  console.log(`prune: wrote ${output}, ${bytes} bytes`);
}

/** A rate above 1 is refused. */
async function pruneTooMuch(): Promise<void> {
  const refused = client.runPrune({ model: MODEL, selection: { $case: 'uniformRate', value: 1.5 }, output: 'never' });
  await refused.then(() => {
    throw new Error('a rate of 1.5 was taken');
  }, printError);
}

/** Prints all that an error of the server says: its code, a reason to match on, facts, and the fields at fault. */
function printError(error: unknown): void {
  if (!(error instanceof CallError)) throw error;
  console.log(`error: ${error.code}: ${error.message}`);
  if (error.reason !== '') console.log(`error: reason ${error.reason} ${JSON.stringify(error.metadata)}`);
  for (const { field, description } of error.violations) console.log(`error: field ${field}: ${description}`);
}
