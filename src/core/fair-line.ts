/** Who has something wait in a line. */
export interface Waiting {
  readonly caller: string;
}

/**
 * A line in which callers take turns: of two callers, one with a hundred entries and one with a single one, the second
 * waits for no more than one entry of the first. The entries of one caller keep the order in which they came.
 *
 * Start-time fair queueing ("Start-time Fair Queuing: A Scheduling Algorithm for Integrated Services Packet Switching
 * Networks", Goyal, Vin and Cheng, 1996) with entries of equal length: an entry gets the tag max(v, tag of its caller's
 * last entry that waits) + 1, where v is the tag of the entry that was taken last, and the lowest tag is next. Nothing is
 * kept of a caller who has nothing in the line.
 */
export interface FairLine<Entry extends Waiting> {
  readonly size: number;
  /** The entries that wait, the next one first. */
  list(): readonly Entry[];
  countOf(caller: string): number;
  /** Adds an entry; returns its place from 1. */
  add(entry: Entry): number;
  /** Takes the next entry out; `undefined` if none waits. */
  take(): Entry | undefined;
  /** Puts an entry back to where it was before it was taken. */
  putBack(entry: Entry): void;
  /** Takes an entry out, wherever it is; one that is not in the line is no error. */
  remove(entry: Entry): void;
}

interface Ticket<Entry> {
  readonly entry: Entry;
  readonly tag: number;
  /** Counts up with each entry that is added: of two equal tags the earlier entry is next. */
  readonly number: number;
}

export function createFairLine<Entry extends Waiting>(): FairLine<Entry> {
  /** In the order in which they are taken. */
  const tickets: Ticket<Entry>[] = [];
  /** Of entries that were taken, as long as they may be put back: as long as whoever took them holds them. */
  const taken = new WeakMap<Entry, Ticket<Entry>>();
  const callers = new Map<string, { count: number; lastTag: number }>();
  let [now, added] = [0, 0];

  const insert = (ticket: Ticket<Entry>): number => {
    let [low, high] = [0, tickets.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(tickets[middle] as Ticket<Entry>, ticket)) low = middle + 1;
      else high = middle;
    }
    tickets.splice(low, 0, ticket);
    const { count, lastTag } = callers.get(ticket.entry.caller) ?? { count: 0, lastTag: 0 };
    callers.set(ticket.entry.caller, { count: count + 1, lastTag: Math.max(lastTag, ticket.tag) });
    return low + 1;
  };
  const leave = ({ entry: { caller }, tag }: Ticket<Entry>): void => {
    const { count, lastTag } = callers.get(caller) ?? { count: 0, lastTag: 0 };
    if (count <= 1) callers.delete(caller);
    else
      callers.set(caller, {
        count: count - 1,
        // Only one that has given up its place is the last of its caller.
        lastTag: tag < lastTag ? lastTag : (tickets.findLast(({ entry }) => entry.caller === caller)?.tag ?? 0),
      });
  };
  return {
    get size() {
      return tickets.length;
    },
    list: () => tickets.map(({ entry }) => entry),
    countOf: (caller) => callers.get(caller)?.count ?? 0,
    add: (entry) => {
      added += 1;
      return insert({ entry, tag: Math.max(now, callers.get(entry.caller)?.lastTag ?? 0) + 1, number: added });
    },
    take: () => {
      const ticket = tickets.shift();
      if (ticket === undefined) return undefined;
      now = Math.max(now, ticket.tag);
      leave(ticket);
      taken.set(ticket.entry, ticket);
      return ticket.entry;
    },
    putBack: (entry) => {
      const ticket = taken.get(entry);
      if (ticket === undefined) throw new RangeError('the entry was not taken out of this line');
      taken.delete(entry);
      insert(ticket);
    },
    remove: (entry) => {
      const index = tickets.findIndex((ticket) => ticket.entry === entry);
      if (index === -1) return;
      const [ticket] = tickets.splice(index, 1);
      if (ticket !== undefined) leave(ticket);
    },
  };
}

function isBefore<Entry>(first: Ticket<Entry>, second: Ticket<Entry>): boolean {
  return first.tag < second.tag || (first.tag === second.tag && first.number < second.number);
}
