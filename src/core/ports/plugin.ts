/**
 * A schema that turns what a caller sent into complete options. Zod schemas have this form; core needs no more of them.
 */
export interface OptionsSchema<Options> {
  safeParse(
    value: unknown,
  ):
    | { readonly success: true; readonly data: Options }
    | { readonly success: false; readonly error: { readonly issues: readonly OptionsIssue[] } };
  /** Like `safeParse`, but throws what is wrong. */
  parse(value: unknown): Options;
}

export interface OptionsIssue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

export const PLUGIN_KINDS = [
  'criterion',
  'compensation',
  'evaluator',
  'predictor',
  'strategy',
  'exporter',
  'recovery',
] as const;
export type PluginKind = (typeof PLUGIN_KINDS)[number];

/** The version of the plug-in interface. It grows when plug-ins written for an earlier one no longer work. */
export const PLUGIN_API_VERSION = 1;

/**
 * The version of a built-in plug-in until it states another, which it does when its results change. Digests that labels
 * are stored under name every other version.
 */
export const FIRST_VERSION = '1';

/** How threads and processes of a server reach what it has for its plug-ins. */
export interface PluginHostAddress {
  /** The name of the `BroadcastChannel` that it hears lines on. */
  readonly logChannel: string;
  /** The absolute path of the folder that has the plug-ins' cache folders. */
  readonly cacheDirectory: string;
}

/** What every plug-in says about itself. The `define...` functions fill in `kind` and `apiVersion`. */
export interface PluginManifest<Options> {
  readonly kind: PluginKind;
  /** The version of the plug-in interface that it was written for. */
  readonly apiVersion: number;
  /** kebab-case, unique within its kind. */
  readonly id: string;
  /**
   * Raise it when results change: labels are shared by plug-ins of one version, and jobs do not resume under another.
   * @default the version of the package that its module lies in, unless it is installed with the digest of the module;
   *   outside a package, the digest alone
   */
  readonly version?: string;
  /** Whether it replaces a built-in plug-in of the same kind and id; otherwise such an id is refused. @default false */
  readonly overrides?: boolean;
  /** How the process of another program that it runs in is named, its address or command; for lists and messages. */
  readonly address?: string;
  /** Of the server that it runs in, which fills it in. */
  readonly host?: PluginHostAddress;
  /** One sentence for lists and the docs page. */
  readonly summary: string;
  /** A Zod schema; every option needs a description, and a default if one is possible. */
  readonly options: OptionsSchema<Options>;
  /**
   * The options as digests, plans and manifests name them; all by default. One that came later is left out where results
   * are as they were without it, so that earlier labels and manifests stay valid.
   */
  namedOptions?(options: Options): unknown;
}
