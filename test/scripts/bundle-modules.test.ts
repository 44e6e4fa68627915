import { describe, expect, it } from 'vitest';

/* What the entries of the package hand out once they are bundled. */

const entry = async (path: string) =>
  (await import(new URL(`../../dist/src/${path}/index.js`, import.meta.url).href)) as Readonly<Record<string, unknown>>;

describe('bundled entries', () => {
  it('share the modules that several of them have', async () => {
    const [plugins, server] = [await entry('plugins'), await entry('server')];
    expect(server['PrunecastError']).toBeTypeOf('function');
    expect(plugins['PrunecastError']).toBe(server['PrunecastError']);
  });

  it('keep the names of classes, which logs show', async () => {
    const [server, client] = [await entry('server'), await entry('client')];
    const classes = [server['PrunecastError'], server['ConfigError'], client['CallError']];
    expect(classes.map((known) => (known as { readonly name: string }).name)).toEqual([
      'PrunecastError',
      'ConfigError',
      'CallError',
    ]);
  });
});
