import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { createErrorSerializer } from '../../../src/server/config/serialize-error.js';

const cause = new Error('expected number, got "abc"');
const refusal = new PrunecastError('PLUGIN_FAILED', 'criterion mine failed', { cause });
const quoting = PrunecastError.ofField('model', 'is "a secret"');
const system = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });

describe('the log of an error', () => {
  it('has its reason and the messages of its causes, and no stack of what others did wrong', () => {
    const logged = JSON.stringify(createErrorSerializer(() => false)(refusal));
    expect(logged).toContain('PLUGIN_FAILED');
    expect(logged).toContain('criterion mine failed: expected number, got');
    expect(logged).not.toContain('    at ');
    expect(createErrorSerializer(() => false)(system)).not.toHaveProperty('stack');
  });

  it('has the fields at fault and the kind of the cause, and nothing that a caller has sent', () => {
    const caused = new PrunecastError('INVALID_REQUEST', 'not JSON', { cause: new SyntaxError('in "a secret"') });
    for (const showsAll of [false, true]) {
      const [fields, causes] = [quoting, caused].map(createErrorSerializer(() => showsAll));
      expect(fields).toMatchObject({ reason: 'INVALID_REQUEST', fields: ['model'] });
      expect(causes).toMatchObject({ reason: 'INVALID_REQUEST', cause: { type: 'SyntaxError' } });
      expect(JSON.stringify([fields, causes])).not.toContain('secret');
    }
    expect(createErrorSerializer(() => true)(quoting)).toMatchObject({ stack: expect.stringMatching(/^ {4}at /) });
  });

  it('has stacks at the levels debug and trace, and always those of faults of the server', () => {
    expect(createErrorSerializer(() => true)(refusal)).toMatchObject({ stack: expect.stringContaining('    at ') });
    expect(createErrorSerializer(() => false)(new TypeError('x is undefined'))).toMatchObject({
      stack: expect.stringContaining('    at '),
    });
  });
});
