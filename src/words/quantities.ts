const [KIB, MIB, GIB, TIB] = [2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40];
const [SECOND, MINUTE, HOUR, DAY] = [1e3, 6e4, 36e5, 864e5];

/** How many of the smallest unit a unit has, by its name. */
export type Units = Readonly<Record<string, number>>;

const DECIMAL = { kB: 1e3, MB: 1e6, GB: 1e9, TB: 1e12 };
const BINARY = { KiB: KIB, MiB: MIB, GiB: GIB, TiB: TIB };
/** As Kubernetes writes them. */
const SHORT_BINARY = { Ki: KIB, Mi: MIB, Gi: GIB, Ti: TIB };

export const BYTE_UNITS: Units = { ...DECIMAL, ...BINARY, ...SHORT_BINARY };

/** The units of time, in milliseconds. */
export const TIME_UNITS: Units = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** How many of the smallest unit a number with a unit is: `2GiB`, `1.5 h`. Undefined for anything else. */
export function readQuantity(text: string, units: Units): number | undefined {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text.trim()) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  // Rounded, as 1.1kB is not exactly 1.1 * 1e3 in binary.
  return factor === undefined ? undefined : Math.round(Number(amount) * factor);
}
