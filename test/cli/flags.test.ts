import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RequestOption } from '../../src/cli/options/request-option.js';
import { RequestError } from '../../src/cli/output/request-error.js';
import { createProgram } from '../../src/cli/program.js';
import { findField } from '../../src/cli/proto/find-field.js';
import { makeSelfSigned } from '../support/self-signed.js';
import { makeFolder } from '../support/test-server.js';
import { startFakeApi, type FakeApi, type SentRequest } from './fake-api.js';

/** What each command needs to send a request, without the flag under test. */
const BASE: Readonly<Record<string, readonly string[]>> = {
  inspect: ['--model', 'm'],
  score: ['--model', 'm'],
  prune: ['--model', 'm', '--output', 'o', '--request-id', 'r'],
  evaluate: ['--model', 'm', '--text', 'a.txt', '--request-id', 'r'],
  predict: ['--predictor', 'p'],
  search: ['--model', 'm', '--remove', '20%', '--request-id', 'r'],
  'pairs sample': ['--model', 'm', '--text', 'a.txt', '--remove', '20%'],
  'pairs export': ['study'],
  'pairs import': ['@{"set": {"dimensions": ["a"]}}'],
  'predictors list': [],
  'predictors fit': ['study'],
  'predictors get': ['p'],
  'predictors explain': ['p'],
  'predictors delete': ['p'],
  report: ['s'],
  'studies list': [],
  'studies get': ['s'],
  'studies delete': ['s'],
  'jobs list': [],
  'jobs get': ['j'],
  'jobs cancel': ['j'],
  'jobs delete': ['j'],
  'jobs watch': ['j'],
  'jobs resume': ['j'],
  'models list': [],
  verify: ['o', '--model', 'm', '--calibration', 't'],
  'outputs list': [],
  'outputs download': ['o', '--to', 'not-there'],
  'uploads add': ['package.json'],
  'uploads list': [],
  'uploads delete': ['uploads/d/n'],
  plugins: [],
  call: ['JobService.GetJob'],
  doctor: [],
  'log-level': ['debug'],
};

/** Commands that send nothing. */
const WITHOUT_REQUEST: Readonly<Record<string, string>> = {
  completion: 'prints a script',
  'config print': 'asks a process of its own; config.test.ts checks it',
  'config check': 'asks a process of its own; config.test.ts checks it',
  'token new': 'prints a token; authentication.test.ts calls a server with one',
  'plugin new': 'writes a folder; plugin.test.ts checks it',
  'plugin check': 'runs checks in a process of its own; plugin.test.ts checks it',
  demo: 'runs one search with settings of its own; demo/demo.test.ts checks it',
  complete: 'answers the shell from the tree of commands; completion/complete.test.ts checks it',
  health: 'asks grpc.health.v1 alone, and starts no server; health.test.ts checks it',
  'state backup': 'works on a folder in a process of its own; state.test.ts checks it',
  'state check': 'works on a folder in a process of its own; state.test.ts checks it',
  'state export': 'works on a folder in a process of its own; state.test.ts checks it',
  'state prune': 'works on a folder in a process of its own; state.test.ts checks it',
  serve: 'runs the server itself; serve.test.ts checks its flags against the settings',
};

interface Sample {
  /** Arguments of the flag, of another value than its default. */
  readonly args: readonly string[];
  /** What else must be there for the flag to have a meaning, in both requests. */
  readonly beside?: readonly string[];
}

/** A value for every flag that fills a request; `COMMAND --flag` for one whose value depends on the command. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  '--model': { args: ['other'] },
  '--text': { args: ['b.txt'] },
  '--text-field': { args: ['story'] },
  '--search-text-field': { args: ['story'] },
  '--verify-text-field': { args: ['story'] },
  '--report-text-field': { args: ['story'] },
  '--calibration-field': { args: ['story'] },
  '--recovery-text-field': { args: ['story'] },
  '--documents': { args: ['apart'] },
  '--for': { args: ['90s'] },
  '--search-text': { args: ['@Once upon a time'] },
  '--verify-text': { args: ['c.txt'] },
  '--report-text': { args: ['d.txt'] },
  '--window': { args: ['64'] },
  '--stride': { args: ['32'] },
  '--bos': { args: [] },
  '--windows-preset': { args: ['wikitext2-2048'] },
  '--tokens': { args: ['4k'] },
  '--precision': { args: ['int8'] },
  '--dense': { args: [] },
  '--rate': { args: ['30%'] },
  '--rates': { args: ['0,0.5'] },
  '--architecture': { args: ['@[{"kv_heads": 4, "queryHeadsPerKv": 2, "ffn_channels": 86}]'] },
  '--units': { args: ['@[{"kv_groups": [0], "query_heads": [0, 1], "ffn_channels": [3, 5]}]'] },
  '--manifest': { args: ['@{"units": [1]}'] },
  '--earlier-output': { args: ['earlier'] },
  '--remove': { args: ['kv-cache-bytes-per-token=50%'] },
  '--at-most': { args: ['weight-bytes=200M'] },
  '--bytes-per-number': { args: ['1'], beside: ['--at-most', 'weight-bytes=200M'] },
  '--objective': { args: ['kv-cache-bytes-per-token'] },
  'search --limit': { args: ['accuracy=0.4'] },
  '--evaluator': { args: ['multiple-choice'] },
  '--also': { args: ['questions=mmlu'] },
  '--also-text': { args: ['g.txt'], beside: ['--also', 'mmlu'] },
  '--also-option': { args: ['mmlu.shots=1'], beside: ['--also', 'mmlu'] },
  '--evaluator-option': { args: ['tasks=["arc"]'] },
  '--criterion': { args: ['wanda'] },
  '--criterion-option': { args: ['norm=l1'] },
  '--compensation': { args: ['none'] },
  '--compensation-option': { args: ['damping=0.1'] },
  '--calibration': { args: ['e.txt'] },
  '--sequences': { args: ['64'] },
  '--stream-sequences': { args: ['640'] },
  '--sequence-tokens': { args: ['256'] },
  '--recovery': { args: ['distill'] },
  '--recovery-option': { args: ['minutes=5'] },
  '--recovery-text': { args: ['f.txt'] },
  '--recovery-sequences': { args: ['512'] },
  '--criterion-seed': { args: ['7'] },
  '--protect': { args: ['none'] },
  '--kinds': { args: ['query-heads-per-kv'] },
  '--min-rate': { args: ['10%'] },
  '--max-rate': { args: ['0.9'] },
  '--rate-step': { args: ['0.1'] },
  '--channel-multiple': { args: ['32'] },
  '--tie-run': { args: ['4'] },
  '--target': { args: ['uniform'] },
  '--target-option': { args: ['type=q8_0'] },
  '--pairs': { args: ['50'] },
  '--tied-pairs': { args: ['5'] },
  '--pair-tokens': { args: ['2k'] },
  '--candidates': { args: ['5000'] },
  '--verify': { args: ['4'] },
  '--effort': { args: ['quick'] },
  '--verify-tokens': { args: ['2048,16384'] },
  '--report-tokens': { args: ['1M'] },
  '--rounds': { args: ['1'] },
  '--no-refine': { args: [] },
  '--compensation-fit': { args: ['stream'] },
  '--controls': { args: ['uniform-paper,random'] },
  '--preset': { args: ['paper'] },
  '--seed': { args: ['-12345678901'] },
  '--pause-before': { args: ['refine'] },
  '--predictor': { args: ['ridge'] },
  '--predictor-option': { args: ['depth=6'] },
  '--features': { args: ['rates-and-errors'] },
  '--strategy': { args: ['random'] },
  '--strategy-option': { args: ['population=50'] },
  '--output': { args: ['other'] },
  '--overwrite': { args: [] },
  '--exporter': { args: ['gguf'] },
  '--exporter-option': { args: ['dtype=f16'] },
  '--request-id': { args: ['mine'] },
  '--folder': { args: ['inside'] },
  '--label': { args: ['team=search'] },
  '--dry-run': { args: [] },
  '--encodings': { args: ['@[[0.1, 0.2]]'] },
  '--recipe-digest': { args: ['abc'] },
  '--metric': { args: ['accuracy'] },
  '--learning-curve': { args: [] },
  '--unseen-pairs': { args: ['3,7,20-30'] },
  '--study': { args: ['study'] },
  '--points': { args: ['5'] },
  'jobs list --kind': { args: ['search'] },
  'plugins --kind': { args: ['criterion'] },
  '--state': { args: ['paused'] },
  '--limit': { args: ['5'] },
  '--after': { args: ['12'] },
  '--range': { args: ['layers.0.ffn_channels=0.1..0.4'] },
  '--html': { args: ['report.html'] },
  '--markdown': { args: [] },
  '--request': { args: ['@{"job_id": "b"}'] },
};

/** How a server elsewhere is called; nothing of it is in a request, and each alone is of no use. */
const ACCESS =
  '--address TLS_ADDRESS --tls --tls-authorities CERTIFICATE --tls-server-name localhost --tls-certificate CERTIFICATE --tls-key KEY --token-file TOKEN'.split(
    ' ',
  );

/** Flags that leave the request as it is, and why. */
const OUTSIDE_REQUEST: Readonly<Record<string, { readonly args: readonly string[]; readonly why: string }>> = {
  '--json': { args: [], why: 'the form of what is printed' },
  '--quiet': { args: [], why: 'as --json' },
  '--no-color': { args: [], why: 'as --json' },
  '--options': { args: [], why: 'which columns of the answer are printed' },
  '--address': { args: ['OTHER_ADDRESS'], why: 'who gets the request' },
  '--config': { args: ['settings.yaml'], why: 'a file that names such a folder' },
  '--state-dir': { args: ['elsewhere'], why: 'a setting of a server that is started for the call' },
  '--plugin': { args: ['./own.js'], why: 'a setting of such a server' },
  '--server-log': { args: [], why: 'whether the log of such a server is shown' },
  '--report': { args: ['report.html'], why: 'the file that the report is written to' },
  '--to': { args: ['elsewhere'], why: 'the folder that an output is written to' },
  'report --overwrite': { args: [], why: 'whether that file is replaced' },
};

/** Where a command wants one of several flags: which, and what the test gives if none of them is under test. */
const CHOICES: Readonly<Record<string, { readonly among: readonly string[]; readonly args: readonly string[] }>> = {
  prune: {
    among: [
      '--remove',
      '--at-most',
      '--rate',
      '--rates',
      '--architecture',
      '--units',
      '--manifest',
      '--earlier-output',
    ],
    args: ['--rate', '0.25'],
  },
  predict: { among: ['--rates', '--encodings', '--architecture'], args: ['--rates', '0,0.25'] },
};

interface Leaf {
  readonly name: string;
  readonly command: Command;
}

const LEAVES = listLeaves(createProgram()).filter(({ name }) => !(name in WITHOUT_REQUEST));
const FLAGS = LEAVES.flatMap(({ name, command }) =>
  command.options
    .filter(({ long = '' }) => long !== '--help-all' && (long === '--address' || !ACCESS.includes(long)))
    .map((option) => ({ name, option, flag: option.long ?? option.flags })),
);

let api: FakeApi;
let folder = '';
/** What words of the tables stand for. */
let places: Readonly<Record<string, string>>;
beforeAll(async () => {
  folder = await makeFolder();
  const { certificate, key } = makeSelfSigned();
  api = await startFakeApi({ certificate, key });
  const files = { CERTIFICATE: certificate, KEY: key, TOKEN: 'secret' };
  for (const [name, contents] of Object.entries(files)) await writeFile(join(folder, name), contents);
  places = {
    OTHER_ADDRESS: api.otherAddress,
    TLS_ADDRESS: api.tlsAddress,
    ...Object.fromEntries(Object.keys(files).map((name) => [name, join(folder, name)])),
  };
});
afterAll(async () => {
  api.close();
  await rm(folder, { recursive: true, force: true });
});

/** The command line of a command with more arguments, complete so that a request is sent. */
function write(name: string, ...more: readonly string[]): string[] {
  const { among = [], args = [] } = CHOICES[name] ?? {};
  const choice = more.some((word) => among.includes(word)) ? [] : args;
  return [...name.split(' '), ...(BASE[name] ?? []), '--address', api.address, ...choice, ...more];
}

async function send(name: string, ...more: readonly string[]): Promise<readonly SentRequest[]> {
  return (await api.run(write(name, ...more))).sent;
}

const known = new Map<string, Promise<readonly SentRequest[]>>();

/** What is sent without the flag under test: the same for many flags, so that it is sent once. */
function sendPlain(name: string, ...beside: readonly string[]): Promise<readonly SentRequest[]> {
  const key = [name, ...beside].join(' ');
  const sent = known.get(key) ?? send(name, ...beside);
  known.set(key, sent);
  return sent;
}

/** What is sent beside the plan that a job is announced with, which is for people. */
function withoutPlans(sent: readonly SentRequest[]): SentRequest[] {
  return sent.filter(({ method }) => !method.startsWith('Plan'));
}

describe('every command', () => {
  it('sends a request, or is named as one that sends none', async () => {
    const names = listLeaves(createProgram()).map(({ name }) => name);
    expect(names.toSorted()).toEqual([...Object.keys(BASE), ...Object.keys(WITHOUT_REQUEST)].toSorted());
    const silent: string[] = [];
    for (const { name } of LEAVES) if ((await sendPlain(name)).length === 0) silent.push(name);
    expect(silent).toEqual([]);
  });
});

describe('every flag', () => {
  it('has a sample value, or is named as one that leaves the request alone, and no entry is left over', () => {
    const used = new Set(FLAGS.map(({ name, flag }) => keyOf(name, flag)));
    expect(
      FLAGS.filter(({ name, flag }) => keyOf(name, flag) === undefined).map(({ name, flag }) => [name, flag]),
    ).toEqual([]);
    expect([...Object.keys(SAMPLES), ...Object.keys(OUTSIDE_REQUEST)].filter((key) => !used.has(key))).toEqual([]);
  });

  it.each(FLAGS.filter(({ name, flag }) => (keyOf(name, flag) ?? '') in SAMPLES))(
    '$name $flag changes what is sent, and a complaint about what it set names it',
    async ({ name, flag, option }) => {
      const { args, beside = [] } = SAMPLES[keyOf(name, flag) ?? ''] ?? { args: [] };
      const without = await sendPlain(name, ...beside);
      const changed = await send(name, ...beside, flag, ...args);
      expect(without).not.toEqual([]);
      expect(changed).not.toEqual(without);
      if (!(option instanceof RequestOption)) return;
      const faults = listChanges(without[0]?.request ?? {}, changed[0]?.request ?? {});
      expect(faults).not.toEqual([]);
      const { error } = await api.run(write(name, ...beside, flag, ...args), faults);
      expect(error).toBeInstanceOf(RequestError);
      const { violations, message } = error as RequestError;
      for (const { flag: named, description } of violations) {
        expect(named?.split(' ')[0]).toBe(flag);
        expect(description).toContain(`see ${flag}`);
      }
      expect(message.startsWith(`${flag}`)).toBe(true);
      const words = message.replaceAll(/--[a-z][a-z-]*/g, '');
      for (const fault of faults) expect(words).not.toContain(fault);
    },
  );

  it.each(FLAGS.filter(({ name, flag }) => (keyOf(name, flag) ?? '') in OUTSIDE_REQUEST))(
    '$name $flag leaves the request as it is',
    async ({ name, flag }) => {
      const { args = [] } = OUTSIDE_REQUEST[keyOf(name, flag) ?? ''] ?? {};
      const without = withoutPlans(await sendPlain(name));
      const others = args.map((arg) => places[arg] ?? arg);
      expect(without).not.toEqual([]);
      expect(withoutPlans(await send(name, flag, ...others))).toEqual(without);
    },
  );

  it.each(LEAVES)('$name is sent alike to a server with TLS, certificates and tokens', async ({ name }) => {
    const access = ACCESS.map((word) => places[word] ?? word);
    const without = withoutPlans(await sendPlain(name));
    expect(without).not.toEqual([]);
    expect(withoutPlans(await send(name, ...access))).toEqual(without);
  });

  it('that fills a field names one that there is', () => {
    const wrong = FLAGS.flatMap(({ name, option }) =>
      option instanceof RequestOption &&
      [option.flag.field, option.flag.defaultFrom].some(
        (field) => field !== undefined && findField(option.typeName, field) === undefined,
      )
        ? [`${name} ${option.flags}`]
        : [],
    );
    expect(wrong).toEqual([]);
  });
});

describe('a command line without flags', () => {
  it('leaves every field unset that the user did not name, so that the server decides', async () => {
    const requests: unknown[] = [];
    for (const name of ['search', 'evaluate', 'pairs sample', 'predictors explain'])
      requests.push((await send(name))[0]?.request);
    const budgets = [{ kind: 'BUDGET_KIND_PARAMETERS', removed_share: 0.2 }];
    expect(requests).toEqual([
      { request_id: 'r', model: 'm', budgets },
      { request_id: 'r', model: 'm', measurement: { text: { path: 'a.txt' } } },
      { search: { model: 'm', texts: { text: { path: 'a.txt' } }, budgets } },
      { predictor_id: 'p' },
    ]);
  });
});

/** The key of a flag in the tables, of the command alone before that of all commands. */
function keyOf(name: string, flag: string): string | undefined {
  return [`${name} ${flag}`, flag].find((key) => key in SAMPLES || key in OUTSIDE_REQUEST);
}

function listLeaves(command: Command, path: readonly string[] = []): Leaf[] {
  return command.commands.flatMap((child) => {
    const names = [...path, child.name()];
    return child.commands.length > 0 ? listLeaves(child, names) : [{ name: names.join(' '), command: child }];
  });
}

/** Paths of the values that the second request has and the first has not, or has otherwise. */
function listChanges(before: JsonValue | undefined, after: JsonValue, path = ''): string[] {
  if (Array.isArray(after)) {
    if (after.length > 0 && after.every((entry) => typeof entry !== 'object'))
      return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
    const earlier = Array.isArray(before) ? before : [];
    return after.flatMap((entry, index) => listChanges(earlier[index], entry, `${path}[${index}]`));
  }
  if (typeof after === 'object' && after !== null && Object.keys(after).length > 0) {
    const earlier = (typeof before === 'object' ? before : {}) as JsonObject;
    return Object.entries(after).flatMap(([name, value]) =>
      listChanges(earlier[name], value, path === '' ? name : `${path}.${name}`),
    );
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
}
