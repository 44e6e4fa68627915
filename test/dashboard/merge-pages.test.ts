import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addPage, renewFirstPage, type Listed } from '../../src/dashboard/merge-pages.js';

const PAGE = 3;
interface Item {
  readonly id: string;
  readonly createTime: string;
}
const item = (number: number): Item => ({ id: `job-${number}`, createTime: String(number).padStart(6, '0') });

/** A page of a server's list, newest first; the token is the id before it. */
function ask(items: readonly Item[], token: string): Listed<Item> {
  const rest = token === '' ? items : items.filter(({ createTime }) => createTime < token);
  const page = rest.slice(0, PAGE);
  return { items: page, nextPageToken: rest.length > PAGE ? (page.at(-1)?.createTime ?? '') : '' };
}

describe('a list whose newest page is renewed', () => {
  it('shows every item of the server down to the oldest page that was asked for, whatever comes meanwhile', () => {
    assert(
      property(array(constantFrom('new', 'renew', 'older'), { maxLength: 40 }), (steps) => {
        let made = 5;
        const server = Array.from({ length: made }, (_, index) => item(made - index));
        let shown: Listed<Item> = ask(server, '');
        for (const step of steps) {
          if (step === 'new') server.unshift(item((made += 1)));
          if (step === 'renew') shown = renewFirstPage(shown, ask(server, ''));
          if (step === 'older' && shown.nextPageToken !== '') shown = addPage(shown, ask(server, shown.nextPageToken));
        }
        const before = shown.items.length;
        shown = renewFirstPage(shown, ask(server, ''));
        const ids = shown.items.map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        expect(shown.items.length).toBeGreaterThanOrEqual(Math.min(before, PAGE));
        while (shown.nextPageToken !== '') shown = addPage(shown, ask(server, shown.nextPageToken));
        expect(new Set(shown.items.map(({ id }) => id))).toEqual(new Set(server.map(({ id }) => id)));
      }),
    );
  });

  it('drops what has been deleted on its newest page', () => {
    const server = [item(4), item(3), item(2), item(1)];
    const all = addPage(ask(server, ''), ask(server, ask(server, '').nextPageToken));
    const renewed = renewFirstPage(all, ask([item(4), item(2), item(1)], ''));
    expect(renewed.items.map(({ id }) => id)).toEqual(['job-4', 'job-2', 'job-1']);
  });
});
