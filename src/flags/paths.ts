import { pluginFlags } from './plugin.js';
import type { RequestFlag } from './request-flag.js';

/** The model that a request is about. */
export function modelFlag(field = 'model'): RequestFlag {
  return { flags: '--model <DIR>', summary: 'checkpoint folder', field, place: 'model', required: true };
}

/** Flags of what is written, and how. */
export function outputFlags(written: string): RequestFlag[] {
  return [
    {
      flags: '--output <DIR>',
      summary: `folder to write ${written} to`,
      field: 'output',
      place: 'output',
    },
    {
      flags: '--overwrite',
      summary: 'replace an earlier output; a folder with anything else in it is never replaced',
      field: 'overwrite',
    },
    ...pluginFlags('exporter', 'exporter', `writes ${written}`),
  ];
}

/** Names the call, so that a repetition of it finds the same job. */
export function requestIdFlag(field = 'request_id'): RequestFlag {
  return { flags: '--request-id <ID>', summary: 'attach to the job of an earlier call with this id', field };
}
