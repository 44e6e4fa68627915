import type { Option } from 'commander';
import { describeDefault } from '../proto/find-field.js';
import { RequestOption } from './request-option.js';
import { SettingOption } from './setting-option.js';

/**
 * What the server does without a flag, in the words of the proto or of the server's settings: `120`. Undefined if there
 * is nothing to tell.
 */
export function defaultOf(option: Option): string | undefined {
  if (option instanceof SettingOption) return option.setting.default;
  if (!(option instanceof RequestOption)) return undefined;
  const { field, defaultFrom = field, showsNoDefault } = option.flag;
  if (defaultFrom === undefined || showsNoDefault === true) return undefined;
  return describeDefault(option.typeName, defaultFrom);
}
