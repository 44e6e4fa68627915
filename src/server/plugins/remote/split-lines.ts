import type { Readable } from 'node:stream';

/** A line has no more characters; the rest of it is left out. */
const MOST_LINE_LENGTH = 10_000;

/** Passes on each line of a stream, without its end. A line that never ends takes no memory. */
export function splitLines(stream: Readable, hear: (line: string) => void): void {
  let open = '';
  const take = (text: string): void => {
    open = `${open}${text}`.slice(0, MOST_LINE_LENGTH);
  };
  const finish = (): void => {
    const line = open.replace(/\r$/, '');
    open = '';
    if (line !== '') hear(line);
  };
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const [first = '', ...others] = text.split('\n');
    take(first);
    for (const part of others) {
      finish();
      take(part);
    }
  });
  stream.once('end', finish);
}
