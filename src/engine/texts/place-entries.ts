/** Strings, other plain values, line breaks, and what opens, closes or separates values of JSON. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[^\s"[\]{},:]+|[\n[\]{},]/g;

/** The lines, from 1, on which the entries of an array begin. The content is known to be an array in JSON. */
export function placeEntries(content: string): number[] {
  const lines: number[] = [];
  let [line, depth] = [1, 0];
  let isEntryNext = false;
  for (const [token] of content.matchAll(TOKEN)) {
    if (token === '\n') line += 1;
    else if (token === ',') isEntryNext ||= depth === 1;
    else if (token === ']' || token === '}') depth -= 1;
    else {
      if (isEntryNext) lines.push(line);
      const opens = token === '[' || token === '{';
      if (opens) depth += 1;
      isEntryNext = opens && depth === 1;
    }
  }
  return lines;
}
