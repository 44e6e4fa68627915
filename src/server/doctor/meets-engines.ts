/** Whether a version of Node is in a range of package.json's `engines`: `^20.19.0 || >=24.0.0`, of `^` and `>=` only. */
export function meetsEngines(version: string, range: string): boolean {
  const actual = readVersion(version);
  return range.split('||').some((part) => {
    const [, sign = '', text = ''] = /^\s*(\^|>=)(\d+\.\d+\.\d+)\s*$/.exec(part) ?? [];
    if (sign === '') return false;
    const least = readVersion(text);
    return compare(actual, least) >= 0 && (sign === '>=' || actual[0] === least[0]);
  });
}

function readVersion(text: string): readonly number[] {
  return text.replace(/^v/, '').split('-', 1)[0]?.split('.').map(Number) ?? [];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const place = [0, 1, 2].find((at) => a[at] !== b[at]);
  return place === undefined ? 0 : (a[place] ?? 0) - (b[place] ?? 0);
}
