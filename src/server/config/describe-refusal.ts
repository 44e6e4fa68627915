/** What an address is set with. */
export interface AddressSetting {
  readonly flag: string;
  readonly variable: string;
  /** One that is free, as an example. */
  readonly example: string;
}

/**
 * Why a server cannot listen on an address, and what to do.
 *
 * @param error as Node or a library gives it: its message holds the code of the system
 */
export function describeRefusal(address: string, error: unknown, { flag, variable, example }: AddressSetting): string {
  const message = error instanceof Error ? error.message : String(error);
  const [code = ''] = /\bE[A-Z]{4,}\b/.exec(message) ?? [];
  return `cannot listen on ${address}: ${CAUSES[code] ?? message}. ${flag} or ${variable} sets another address, such as ${example}`;
}

const CAUSES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there: stop it, or choose another port (0 takes any free one)',
  EACCES: 'your user may not listen there: ports below 1024 are for root, so choose a higher one',
  EPERM: 'your user may not listen there: ports below 1024 are for root, so choose a higher one',
  EADDRNOTAVAIL: 'this machine does not have that address: choose one of its own, or 0.0.0.0 for all',
  ENOTFOUND: 'no host has that name: choose a name or an address of this machine',
};
