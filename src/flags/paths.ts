import { exporterFlags } from './exporters.js';
import type { Json, JsonObject, RequestFlag } from './request-flag.js';
import { parseLabel } from './values.js';

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
    ...exporterFlags(written),
  ];
}

/** Names the call, so that a repetition of it finds the same job. */
function requestIdFlag(field: string): RequestFlag {
  return { flags: '--request-id <ID>', summary: 'attach to the job of an earlier call with this id', field };
}

/** The caller's own names and values of a job, one with each use. */
export function labelFlag(summary: string, field = 'labels'): RequestFlag {
  return { flags: '--label <NAME=VALUE>', summary, field, repeats: true, parse: parseLabel, write: writeLabels };
}

function writeLabels(labels: Json): string[] {
  return Object.entries(labels as JsonObject).map(([name, value]) => `${name}=${String(value)}`);
}

/** Flags of the job that a request makes. */
export function jobFlags(request = ''): RequestFlag[] {
  return [
    requestIdFlag(`${request}request_id`),
    labelFlag('a name and value of your own that the job carries, for `jobs list --label`', `${request}labels`),
  ];
}
