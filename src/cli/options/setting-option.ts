import { readFileSync } from 'node:fs';
import type { Proposal } from '../../flags/request-flag.js';
import { PACKAGE_ROOT } from '../proto/package-root.js';
import { FlagOption } from './flag-option.js';

/** A flag of `serve`: a setting of the server. */
export interface SettingFlag {
  readonly flag: string;
  /** The environment variable that the server reads. */
  readonly variable: string;
  /** Heading in the help. */
  readonly group: string;
  readonly isList?: true;
  readonly summary: string;
  readonly proposes?: Proposal;
  /** What the server does without it, in words. */
  readonly default?: string;
}

/** The flags of all settings, as the server's own schema has them. */
export function readSettingFlags(): readonly SettingFlag[] {
  return JSON.parse(readFileSync(new URL('proto/settings.json', PACKAGE_ROOT), 'utf8')) as readonly SettingFlag[];
}

/** A commander option that knows its setting. The last use counts, of a list all. */
export class SettingOption extends FlagOption {
  readonly setting: SettingFlag;

  constructor(setting: SettingFlag) {
    const { flag, isList, summary, proposes } = setting;
    super({ flags: flag, summary, ...(proposes && { proposes }), ...(isList === true && { repeats: true }) });
    this.setting = setting;
    this.helpGroup(`${setting.group}:`);
    // One without a value is on when it is there.
    if (flag.includes('<')) this.argParser((value: string, earlier: readonly string[] = []) => [...earlier, value]);
  }
}
