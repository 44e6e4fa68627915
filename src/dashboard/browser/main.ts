import { ApiError, createApi } from './api.js';
import { askIdentity, readIdentity } from './identity.js';
import { element, setText } from './element.js';
import { showJob } from './job-view.js';
import { showLists } from './lists-view.js';
import type { View } from './view.js';

/** The dashboard's page: `#/` lists jobs and studies, `#/jobs/ID` shows one job. */

const page = require('page');
const status = require('status');
let open = new AbortController();

let identification: Promise<void> | undefined;
const api = createApi(readIdentity, () => void (identification ??= identify()));

/** Opens the view again once the server may know who calls. Who gives no answer is not asked again. */
async function identify(): Promise<void> {
  if (!(await askIdentity())) return;
  identification = undefined;
  route();
}

function route(): void {
  open.abort();
  open = new AbortController();
  const { signal } = open;
  document.title = 'Prunecast';
  setText(status, '');
  page.replaceChildren();
  findView(location.hash)(page, {
    api,
    signal,
    failed: (error) => {
      if (!signal.aborted) setText(status, describe(error));
    },
    reached: () => {
      if (!signal.aborted) setText(status, '');
    },
  });
}

function findView(hash: string): View {
  const [, kind = '', id = ''] = hash.split('/');
  if (kind === 'jobs' && id !== '') return showJob(decodeURIComponent(id));
  return showLists;
}

function describe(error: unknown): string {
  if (error instanceof ApiError) return error.reason === '' ? error.message : `${error.message} (${error.reason})`;
  return `A fault of this page: ${error instanceof Error ? error.message : String(error)}. Load it again.`;
}

function require(id: string): HTMLElement {
  return document.getElementById(id) ?? element('div');
}

addEventListener('hashchange', () => {
  route();
  page.focus();
});
route();
