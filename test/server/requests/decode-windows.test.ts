import { describe, expect, it } from 'vitest';
import {
  Precision,
  WindowPreset,
  type FidelitySpec,
  type WindowProtocol,
} from '../../../src/gen/prunecast/v1/common.js';
import perplexity from '../../../src/plugins/evaluators/perplexity.js';
import { decodeProtocol } from '../../../src/server/requests/decode-windows.js';

const FIELDS = { windows: 'windows', fidelity: 'fidelity' };
const textOf = (tokens: number) => ({ tokens: new Int32Array(tokens), digest: 'text' });
const decode = (tokens: number, windows: Partial<WindowProtocol>, fidelity?: FidelitySpec) =>
  decodeProtocol(
    { window: undefined, stride: undefined, bos: undefined, preset: WindowPreset.UNSPECIFIED, ...windows },
    fidelity,
    textOf(tokens),
    4096,
    FIELDS,
  );

describe('the windows of a request', () => {
  it('are refused if there are too many, by the field that causes it', () => {
    expect(decode(262_145, { window: 2 })).toMatchObject({ window: 2 });
    expect(() => decode(262_146, { window: 2 })).toThrow(
      expect.objectContaining({
        reason: 'INVALID_REQUEST',
        violations: [expect.objectContaining({ field: 'windows.window' })],
        message: expect.stringContaining('131073 windows'),
      }),
    );
    // A million tokens at stride 1 took 4.7 GB and 22 s.
    expect(() => decode(1_000_000, { window: 128, stride: 1 })).toThrow(
      expect.objectContaining({ violations: [expect.objectContaining({ field: 'windows.stride' })] }),
    );
  });

  it('are refused above the most that an evaluator plans, with the field at fault', () => {
    expect(decode(131_073, { window: 2, stride: 1 })).toMatchObject({ stride: 1 });
    expect(() => decode(131_074, { window: 2, stride: 1 })).toThrow(
      expect.objectContaining({
        message: expect.stringContaining('at most 131072 windows') as string,
        violations: [expect.objectContaining({ field: 'windows.stride' })],
      }),
    );
  });

  it('are refused where they hold too many tokens together, however few they are', () => {
    expect(decode(8191 + 2048, { window: 2048, stride: 1 })).toMatchObject({ stride: 1 }); // 8,192 windows of 2,048: 2^24 tokens
    expect(() => decode(8192 + 2048, { window: 2048, stride: 1 })).toThrow(
      expect.objectContaining({ message: expect.stringContaining('16777216 tokens') }),
    );
  });

  it('are as many as a token limit leaves, and only these are copied', () => {
    const fidelity = { tokenLimit: 1280n, precision: Precision.FLOAT32 };
    const protocol = decode(1_000_000, { window: 128, stride: 1 }, fidelity);
    const { user } = process.cpuUsage();
    const { fidelity: planned } = perplexity.plan(textOf(1_000_000), protocol, {});
    expect(process.cpuUsage({ user, system: 0 }).user / 1000).toBeLessThan(100);
    // 999,873 windows, ten of them at tenths of that.
    expect(planned.items).toEqual([0, 99987, 199974, 299961, 399949, 499936, 599923, 699911, 799898, 899885]);
  });
});
