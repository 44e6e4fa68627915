import type { Container, ServiceIdentifier } from 'inversify';

/** The token of each thing that something needs. */
export type TokensOf<Needs> = { readonly [Name in keyof Needs]-?: ServiceIdentifier<Needs[Name]> };

/**
 * Binds what `create` makes of the things it names, each looked up under its own token. It is made once, when it is
 * first asked for.
 */
export function provide<Value, Needs extends object>(
  container: Container,
  token: ServiceIdentifier<Value>,
  create: (needs: Needs) => Value,
  needs: TokensOf<Needs>,
): void {
  const names = Object.keys(needs) as (keyof Needs)[];
  const gather = (...values: readonly unknown[]): Needs =>
    Object.fromEntries(names.map((name, index) => [name, values[index]])) as Needs;
  container.bind(token).toResolvedValue(
    (...values: unknown[]) => create(gather(...values)),
    names.map((name) => needs[name]),
  );
}
