/** What a server tells those who attend it, as one line of JSON. */
export interface Greeting {
  /** Of Prunecast. */
  readonly version: string;
  readonly processId: number;
  /** Where it takes calls: `unix:/path/of.sock`. */
  readonly address: string;
  /** A server that a command started ends with the last who attends it, and takes any path of its user. */
  readonly kind: 'of-a-command' | 'serve';
  /** Plug-ins besides the built-in ones, as its settings name them. */
  readonly plugins: readonly string[];
}

/** `undefined` for what is no greeting. */
export function parseGreeting(line: string): Greeting | undefined {
  try {
    const { version, processId, address, kind, plugins } = JSON.parse(line) as Partial<Greeting>;
    return typeof version === 'string' &&
      typeof processId === 'number' &&
      typeof address === 'string' &&
      (kind === 'of-a-command' || kind === 'serve') &&
      Array.isArray(plugins)
      ? { version, processId, address, kind, plugins }
      : undefined;
  } catch {
    return undefined;
  }
}
