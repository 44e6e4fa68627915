import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { CallError } from '../../src/client/index.js';
import { afterFailure } from '../../src/cli/session/next-commands.js';
import { writeCommandLine } from '../../src/cli/session/shell-words.js';
import { makeShellFolder } from './shell.js';
import type { CliResult } from './run-cli.js';

const { path: folder, paste, remove } = makeShellFolder();
afterAll(remove);

/** The command lines that are proposed on standard error. */
function listProposed({ stderr }: CliResult): string[] {
  return stderr.split('\n').flatMap((line) => /^ {2}(prunecast .*)$/.exec(line)?.[1] ?? []);
}

async function pasteWell(line: string): Promise<CliResult> {
  const result = await paste(line);
  expect({ line, ...result }).toMatchObject({ line, code: 0 });
  return result;
}

const propose = (reason: string, argv: readonly string[], metadata: Readonly<Record<string, string>> = {}) =>
  afterFailure(new CallError('no', { code: 'NOT_FOUND', reason, metadata }), argv).map(({ words }) =>
    writeCommandLine(words),
  );

const PRUNE = "prunecast prune --model 'tiny model' --remove 20% --criterion magnitude --compensation none";

describe('what is proposed at the end of a command', () => {
  it('leads from a model to a smaller one, each line run as it is printed', async () => {
    const inspected = listProposed(await pasteWell("prunecast inspect --model 'tiny model' --state-dir 'my state'"));
    expect(inspected).toEqual(["prunecast evaluate --model 'tiny model' --text TEXT.txt --state-dir 'my state'"]);
    // The text that the user is asked for; a longer one would only take longer.
    const stories = JSON.parse(readFileSync(join(folder, 'tiny model/stories.json'), 'utf8')) as string[];
    writeFileSync(join(folder, 'TEXT.txt'), stories.slice(0, 40).join('\n'));
    const evaluated = listProposed(await pasteWell(`${inspected[0]} --window 64`));
    expect(evaluated).toEqual([
      "prunecast search --model 'tiny model' --text TEXT.txt --window 64 --remove 20% --effort quick --output 'tiny model-pruned' --state-dir 'my state'",
    ]);
    const searched = listProposed(await pasteWell(evaluated[0] ?? ''));
    expect(searched.map((line) => line.split(' ')[1])).toEqual(['evaluate', 'report', 'predictors']);
    expect(searched[0]).toContain("--model 'tiny model-pruned' --text TEXT.txt --window 64");
    for (const line of searched) await pasteWell(line);
  }, 600_000);

  it('reads the same column of a text again, in the same documents', async () => {
    writeFileSync(join(folder, 'told.csv'), `story\n${'Once upon a time there was a cat. '.repeat(60)}\n`);
    const [search = ''] = listProposed(
      await pasteWell("prunecast evaluate --model 'tiny model' --text told.csv --text-field story --documents apart"),
    );
    expect(search).toContain('--text told.csv --text-field story --documents apart --remove 20%');
  });

  it('after a dry run does the same in earnest, then measures what was written', async () => {
    writeFileSync(join(folder, 'TEXT.txt'), 'Once upon a time there was a little girl named Lily. '.repeat(60));
    cpSync(join(folder, 'tiny model'), join(folder, 'other'), { recursive: true });
    const planned = await pasteWell(`${PRUNE.replace("'tiny model'", 'other')} --dry-run`);
    expect(planned.stdout).toContain('parameters: 207,232 of 260,032');
    const [earnest = ''] = listProposed(planned);
    expect(earnest).not.toContain('--dry-run');
    const [evaluate = ''] = listProposed(await pasteWell(earnest));
    expect(existsSync(join(folder, 'other-pruned/prunecast.json'))).toBe(true);
    expect((await pasteWell(evaluate)).stdout).toContain('207,232');
    // A second time: the failure says what to run, and that works.
    const again = await paste(earnest);
    expect(again.code).toBe(1);
    const [overwrite = ''] = listProposed(again);
    await pasteWell(overwrite);
  }, 300_000);

  it('proposes to verify what only other programs load', async () => {
    const forms = "--exporter gguf --exporter graph=onnx --output 'other forms'";
    const proposed = listProposed(await pasteWell(`${PRUNE} ${forms}`));
    expect(proposed).toEqual(["prunecast verify 'other forms'"]);
    expect((await pasteWell(proposed[0] ?? '')).stdout).toContain('logits');
  }, 300_000);

  it('after a failure that lacks a text names the flag for it', async () => {
    writeFileSync(join(folder, 'TEXT.txt'), 'Once upon a time there was a little girl named Lily. '.repeat(60));
    const failed = await paste("prunecast score --model 'tiny model'");
    expect(failed.code).toBe(1);
    const [scored = ''] = listProposed(failed);
    expect(scored).toBe("prunecast score --model 'tiny model' --calibration TEXT.txt");
    expect(listProposed(await pasteWell(scored))).toEqual(
      ["prunecast prune --model 'tiny model' --remove 20% --calibration TEXT.txt --output 'tiny model-pruned'"].map(
        (line) => (existsSync(join(folder, 'tiny model-pruned')) ? line.replace("-pruned'", "-pruned-2'") : line),
      ),
    );
  }, 300_000);

  it('is for people: not with --json, not with --quiet', async () => {
    const [json, quiet] = await Promise.all([
      pasteWell("prunecast inspect --model 'tiny model' --state-dir a --json"),
      pasteWell("prunecast inspect --model 'tiny model' --state-dir b --quiet"),
    ]);
    expect([json.stderr, quiet.stderr]).toEqual(['', '']);
  }, 300_000);
});

describe('afterFailure', () => {
  it('lists what there is at the server that was called', () => {
    expect(propose('JOB_NOT_FOUND', ['jobs', 'get', 'x', '--address=unix:/a b'])).toEqual([
      "jobs list --address 'unix:/a b'",
    ]);
    expect(propose('STUDY_NOT_FOUND', ['studies', 'get', 'x', '--state-dir', 's', '--plugin', './k.js'])).toEqual([
      'studies list --state-dir s --plugin ./k.js',
    ]);
    expect(propose('PREDICTOR_NOT_FOUND', ['predictors', 'get', 'x'])).toEqual(['predictors list']);
    expect(propose('INVALID_OPTIONS', ['search'], { kind: 'predictor' })).toEqual([
      'plugins --kind predictor --options',
    ]);
  });

  it('takes up again what was cancelled, by the same words', () => {
    expect(propose('CANCELLED', ['search', '--model', "Ann's"])).toEqual(["search --model 'Ann'\\''s'"]);
    // The request id is that of the job that is cancelled now; and a cancelled job has nothing to watch.
    expect(propose('CANCELLED', ['search', '--request-id', 'one', '--remove', '20%'])).toEqual(['search --remove 20%']);
    expect(propose('CANCELLED', ['jobs', 'watch', 'job-1'])).toEqual([]);
  });

  it('proposes nothing where the message says it all', () => {
    expect(propose('TEXT_TOO_SHORT', ['evaluate'])).toEqual([]);
    expect(afterFailure(new Error('no'), [])).toEqual([]);
  });
});
