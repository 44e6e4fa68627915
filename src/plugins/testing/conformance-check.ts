import { ok } from 'node:assert/strict';
import type { OptionsSchema } from '../../core/ports/plugin.js';
import { checkManifest } from '../../plugin-host/check-manifest.js';

/** One thing that must hold for a plug-in. `run` throws an AssertionError if it does not. */
export interface ConformanceCheck {
  /** A sentence about its behaviour, for `it`. */
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** What every kit begins with. */
export function acceptedByServers(plugin: unknown): ConformanceCheck {
  return {
    name: 'is a plug-in that servers accept: manifest, methods, and options that can be listed',
    run: async () => void checkManifest(plugin, 'this plug-in'),
  };
}

/** The options with defaults filled in. */
export function completeOptions<Options>(schema: OptionsSchema<Options>, options: unknown): Options {
  const parsed = schema.safeParse(options);
  ok(parsed.success, 'the options do not match the schema');
  return parsed.data;
}

export function optionsCheck(schema: OptionsSchema<unknown>): ConformanceCheck {
  return {
    name: 'needs no options, and refuses an unknown one',
    run: async () => {
      ok(schema.safeParse({}).success, 'every option needs a default');
      ok(!schema.safeParse({ no_such_option: 1 }).success, 'an unknown option must be refused: use z.strictObject');
    },
  };
}
