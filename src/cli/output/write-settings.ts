import { stringify } from 'yaml';
import { wrapLines } from './wrap-lines.js';

/** A setting as the server's process reports it. */
export interface ReportedSetting {
  readonly name: string;
  /** Missing if it is not set, or hidden. */
  readonly value?: unknown;
  readonly hidden?: true;
  readonly from: string;
  readonly where: string;
  readonly meaning: string;
}

/**
 * Settings as a file that a server reads, in YAML. Behind each value stands where it comes from. What is not set, or
 * hidden, is a comment.
 */
export function writeSettings(
  settings: readonly ReportedSetting[],
  { explains }: { readonly explains: boolean },
): string {
  return settings
    .flatMap((setting) => [
      ...(explains
        ? ['', ...wrapLines([setting.meaning], MEANING_COLUMNS).map((line) => `# ${line.trimStart()}`)]
        : []),
      writeSetting(setting),
    ])
    .join('\n')
    .trimStart();
}

const MEANING_COLUMNS = 98;

function writeSetting({ name, value, hidden, from, where }: ReportedSetting): string {
  const source = from === 'default' ? ['default', where].filter((part) => part !== '').join(': ') : where;
  if (hidden) return `# ${name}: (hidden) # ${source}`;
  if (value === undefined) return `# ${name}: (not set)`;
  return `${name}: ${stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trimEnd()} # ${source}`;
}
