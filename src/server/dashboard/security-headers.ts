/** Sent with every answer: nothing is kept in caches, and nothing is shown in pages of other sites. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/** Of the page: its own script and style, calls of this server, and nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

/** Of a report, which has a policy of its own: in a browser it counts as another site, and cannot ask the dashboard. */
export const DOCUMENT_POLICY = "sandbox allow-scripts allow-popups; frame-ancestors 'none'";
