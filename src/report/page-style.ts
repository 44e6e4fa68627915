/**
 * Styles of the page: light and dark by the reader's preference, one column, nothing but system fonts. Text has a
 * contrast of at least 4.5 to 1 in both. The colours of charts are variables here, so that they change with the rest.
 */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f5f6f8; --text: #1b1f24; --soft: #57606a; --rule: #d5dae0;
  --main: #0b62c4; --other: #b04a00; --faint: #c9d1da; --third: #6f42c1; --band: #0b62c430;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --card: #1e2329; --text: #e7eaee; --soft: #a5afba; --rule: #343b44;
    --main: #6cb2ff; --other: #ffa25c; --faint: #424c57; --third: #c3a6ff; --band: #6cb2ff40;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
header, main, footer { max-width: 56rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.35rem; line-height: 1.25; margin: 0 0 .75rem; color: var(--soft); font-weight: 600; overflow-wrap: anywhere; }
.answer { font-size: 1.35rem; line-height: 1.35; margin: 0 0 1.5rem; font-weight: 600; text-wrap: pretty; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--rule); }
p, figcaption { margin: .5rem 0; }
.note, figcaption { color: var(--soft); font-size: .93rem; max-width: 46rem; }
figcaption { color: var(--text); }
dl.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .6rem; margin: 0; }
.facts div { background: var(--card); border-radius: .5rem; padding: .75rem .7rem; }
.facts dt { color: var(--soft); font-size: .85rem; }
.facts dd { margin: 0; font-size: 1.1rem; font-weight: 600; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
.facts dd + dd { color: var(--soft); font-size: .85rem; font-weight: 400; }
figure { margin: 1rem 0 1.5rem; break-inside: avoid; }
.chart svg { display: block; max-width: 100%; height: auto; --plot-background: var(--page); }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .85rem; margin: .5rem 0; }
.legend span { display: inline-flex; align-items: center; gap: .45rem; }
.legend i { background: var(--swatch); width: .8rem; height: .8rem; }
.legend .dot { border-radius: 50%; }
.legend .line { height: 3px; width: 1.1rem; }
details { margin-top: .25rem; }
summary { cursor: pointer; color: var(--main); font-size: .9rem; width: max-content; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .3rem 1rem .3rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th.number, td.number { text-align: right; white-space: nowrap; }
td.digest { font: .85rem ui-monospace, monospace; overflow-wrap: anywhere; }
tr.main td { font-weight: 600; }
pre { background: var(--card); padding: .75rem 1rem; border-radius: .5rem; overflow-x: auto; font: .85rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
:focus-visible { outline: 2px solid var(--main); outline-offset: 2px; }
footer { color: var(--soft); font-size: .85rem; padding-top: 2rem; padding-bottom: 2rem; overflow-wrap: anywhere; }
@media print {
  :root { --page: #fff; --card: #fff; --text: #000; --soft: #444; --rule: #bbb; --main: #0b4f9e; --other: #8a3a00; --faint: #c4c4c4; --third: #5a34a0; }
  body { font-size: 10.5pt; }
  header, main, footer { max-width: none; padding-left: 0; padding-right: 0; }
  .facts div { border: 1px solid var(--rule); }
  h2 { break-after: avoid; }
  summary { display: none; }
  pre { border: 1px solid var(--rule); }
}
`.trim();
