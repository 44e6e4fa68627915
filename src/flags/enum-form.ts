import type { RequestFlag } from './request-flag.js';
import { parseEnum, parseNames } from './values.js';

type Form = Required<Pick<RequestFlag, 'parse' | 'write' | 'proposes'>>;

/** How a flag reads and writes one value of an enum: `ffn-channels` of `DIMENSION_KIND`. */
export function enumForm(prefix: string, names: readonly string[]): Form {
  const parse = parseEnum(prefix, names);
  return {
    parse,
    write: (value) => names.find((name) => parse(name) === value),
    proposes: { from: 'names', names },
  };
}

/** How a flag reads and writes a list of them, comma-separated. */
export function enumsForm(prefix: string, names: readonly string[]): Form {
  const one = enumForm(prefix, names);
  return {
    parse: (text) => parseNames(text).map(one.parse),
    write: (values) => {
      const written = (values as readonly string[]).map(one.write);
      return written.includes(undefined) ? undefined : written.join(',');
    },
    proposes: { from: 'names', names, isList: true },
  };
}
