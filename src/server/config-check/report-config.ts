import { z } from 'zod';
import { CONFIG_SCHEMA, ConfigError, explainConfig, type Config, type ExplainedConfig } from '../config/config.js';
import { listExposed } from '../config/exposure.js';
import { startPaths, type Source } from '../config/gather-settings.js';
import { checkContents } from './check-contents.js';
import { checkPaths } from './check-paths.js';

export interface ReportedSetting extends Source {
  readonly name: string;
  /** Complete, with absolute paths. Undefined if it is not set and has no default, or if it is secret. */
  readonly value?: unknown;
  /** Set, but not to be shown. */
  readonly hidden?: true;
  readonly meaning: string;
}

/** The settings as a server with this environment would use them. */
export interface ConfigReport {
  /** None if one of them is at fault. */
  readonly settings: readonly ReportedSetting[];
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/** Reports settings without their files and folders; `checksPaths` looks for these too, and whether a server would start on its addresses. */
export async function reportConfig(
  environment: Readonly<Record<string, string | undefined>>,
  { checksPaths = false }: { readonly checksPaths?: boolean } = {},
): Promise<ConfigReport> {
  try {
    const { config, sources, warnings } = explainConfig(environment);
    const settings = Object.entries(CONFIG_SCHEMA.shape).map(([name, schema]) => {
      const setting = name as keyof typeof sources;
      return describeSetting({ name, schema, value: config[setting], source: sources[setting] });
    });
    return {
      settings,
      faults: checksPaths ? await checkFiles({ config, sources }) : [],
      warnings,
    };
  } catch (error) {
    if (error instanceof ConfigError) return { settings: [], faults: error.faults, warnings: [] };
    return { settings: [], faults: [error instanceof Error ? error.message : String(error)], warnings: [] };
  }
}

async function checkFiles({ config, sources }: Omit<ExplainedConfig, 'warnings'>): Promise<string[]> {
  const ofPaths = await checkPaths({ config, sources });
  // Of a file that is not there, nothing can be said of what it holds.
  const ofContents = ofPaths.length > 0 ? [] : await checkContents(config);
  return [...ofPaths, ...ofContents, ...checkReach(config)];
}

/** What keeps a server from starting that nothing embeds. */
function checkReach(config: Config): string[] {
  return listExposed(config, false)
    .filter(({ isAllowed }) => !isAllowed)
    .map(({ fault }) => fault);
}

/** One setting for a report; what its schema says is secret is left out. */
export function describeSetting({
  name,
  schema,
  value,
  source,
}: {
  readonly name: string;
  readonly schema: z.ZodType;
  readonly value: unknown;
  readonly source: Source;
}): ReportedSetting {
  const { description = '', secret } = z.toJSONSchema(schema, { io: 'input' });
  const isHidden = secret === true && value !== undefined;
  const shown = isHidden ? { hidden: true as const } : { value: startPaths(schema, value, process.cwd()) };
  return { name, ...shown, ...source, meaning: description };
}
