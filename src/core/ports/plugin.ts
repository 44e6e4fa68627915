/**
 * A schema that turns what a caller sent into complete options. Zod schemas have this form; core knows no more of them.
 */
export interface OptionsSchema<Options> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: Options }
    | { readonly success: false; readonly error: { readonly issues: readonly OptionsIssue[] } };
}

export interface OptionsIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What every kind of plug-in says of itself. */
export interface PluginManifest<Options> {
  /** kebab-case, unique in its kind. */
  readonly id: string;
  /** One sentence for lists and the docs page. */
  readonly summary: string;
  readonly options: OptionsSchema<Options>;
}

export const PLUGIN_KINDS = ['criterion', 'compensation', 'evaluator', 'predictor', 'strategy', 'exporter'] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];
