import { describe, expect, it } from 'vitest';
import { SERVE_FLAGS } from '../../src/cli/commands/serve.js';
import { CONFIG_SCHEMA, environmentName } from '../../src/server/config/config.js';

describe('prunecast serve', () => {
  it('has a flag for every setting of the server', () => {
    expect(SERVE_FLAGS.map(({ variable }) => variable).sort()).toEqual(
      Object.keys(CONFIG_SCHEMA.shape).map(environmentName).sort(),
    );
  });
});
