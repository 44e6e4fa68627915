import { describe, expect, it } from 'vitest';
import { PrunecastError } from '../../../src/core/errors/prunecast-error.js';
import { createErrorSerializer } from '../../../src/server/config/serialize-error.js';

const cause = new Error('expected number, got "abc"');
const refusal = new PrunecastError('INVALID_REQUEST', 'not a ListJobsRequest', { cause });
const system = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });

describe('the log of an error', () => {
  it('has its reason and the messages of its causes, and no stack of what others did wrong', () => {
    const logged = JSON.stringify(createErrorSerializer(() => false)(refusal));
    expect(logged).toContain('INVALID_REQUEST');
    expect(logged).toContain('not a ListJobsRequest: expected number, got');
    expect(logged).not.toContain('    at ');
    expect(createErrorSerializer(() => false)(system)).not.toHaveProperty('stack');
  });

  it('has stacks at the levels debug and trace, and always those of faults of the server', () => {
    expect(createErrorSerializer(() => true)(refusal)).toMatchObject({ stack: expect.stringContaining('    at ') });
    expect(createErrorSerializer(() => false)(new TypeError('x is undefined'))).toMatchObject({
      stack: expect.stringContaining('    at '),
    });
  });
});
