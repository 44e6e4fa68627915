import type { Api } from './api.js';
import { element } from './element.js';

/** Opens the report of a study; where the server wants to know who calls, saves it as a file instead. */
export function createReportLink(api: Api, studyId: string, failed: (error: unknown) => void): HTMLAnchorElement {
  const path = `/studies/${encodeURIComponent(studyId)}/report.html`;
  const link = element('a', { href: path, target: '_blank', rel: 'noopener' }, 'report');
  link.setAttribute('aria-label', `Report of ${studyId}`);
  link.addEventListener('click', (event) => {
    // A link cannot send who calls.
    if (!api.isIdentified()) return;
    event.preventDefault();
    api.text(path).then((html) => save(html, `${studyId}.html`), failed);
  });
  return link;
}

function save(html: string, name: string): void {
  const url = URL.createObjectURL(new Blob([html], { type: 'text/html' }));
  element('a', { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
