/** A value of proto JSON. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
/** A message of proto JSON, fields in snake_case as error messages name them. */
export type JsonObject = { [name: string]: Json };

/** What a path on the command line names. A server of its own gets roots that make such a path true. */
export type Place = 'model' | 'text' | 'output' | 'earlier-output';

/** What a shell proposes for the argument of a flag. A list has several names, comma-separated. */
export type Proposal =
  | { readonly from: 'names'; readonly names: readonly string[]; readonly isList?: true }
  | { readonly from: 'plugins' | 'plugin-options'; readonly kind: string }
  | { readonly from: 'quantities' }
  | { readonly from: 'files' }
  | { readonly from: 'folders' };

/** One use of a flag: what the user typed, and what it means in proto JSON. */
export interface Given {
  readonly text: string;
  readonly value: Json;
}

/** A flag as its help and the completion of a shell tell it. */
export interface FlagForm {
  /** As commander writes it: `--pairs <COUNT>`. */
  readonly flags: string;
  /** Without the note that it may be repeated. */
  readonly summary: string;
  /** @default nothing */
  readonly proposes?: Proposal;
  readonly repeats?: true;
}

/**
 * A flag that fills a field of the command's request. Without the flag the field stays unset, and the server decides.
 */
export interface RequestFlag extends FlagForm {
  /**
   * Path of the field: `pairs.count`, `recipes[0].seed`. `[]` appends an entry with each use: `budgets[]`. Undefined
   * for a flag that only tells which paths a server of the call's own must see.
   */
  readonly field?: string;
  /** The argument in proto JSON. @default the text itself */
  readonly parse?: (text: string) => Json;
  /**
   * The inverse of `parse`: the argument that gives a value of the field, or one for each use; undefined for a value
   * that the flag cannot give. @default the value as text; none for an object
   */
  readonly write?: (value: Json) => string | readonly string[] | undefined;
  /** What a flag without argument sets. @default true */
  readonly value?: Json;
  readonly required?: true;
  readonly place?: Place;
  /** @default files or folders by `place`, else nothing */
  readonly proposes?: Proposal;
  /** The value is JSON of the user's own, so errors name the part of it that is at fault. */
  readonly ownJson?: true;
  /** Path of the field whose comment tells the default. @default `field` */
  readonly defaultFrom?: string;
  /** The help tells no default: the summary says it, or there is none. */
  readonly showsNoDefault?: true;
  /** Fills the request where one field is not all there is to it. Returns the paths that were set. */
  readonly fill?: (request: JsonObject, given: readonly Given[]) => readonly string[];
  /** The inverse of `fill`: takes out of the request what the flag says of it, and returns the arguments, if any. */
  readonly take?: (request: JsonObject) => string | readonly string[] | undefined;
}

/** Flags under one heading of the help. */
export interface FlagGroup {
  readonly heading: string;
  readonly flags: readonly RequestFlag[];
}
