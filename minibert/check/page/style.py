"""How the page looks, and the filter above its table; the page works without the script."""

CSS = """
:root {
  --paper: #fff; --ink: #1c1e21; --soft: #5a626b; --line: #d8dce1; --panel: #f5f7f9;
  --link: #0b57a4; --ok: #17692f; --ok-back: #e3f4e8; --wrong: #a51616; --wrong-back: #fde7e7;
  --keyword: #7a2e9d; --number: #0b57a4; --string: #17692f; --comment: #6a6156;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --ink: #e4e7ea; --soft: #a2abb5; --line: #363c44; --panel: #1e2227;
    --link: #86bdf5; --ok: #7fd89a; --ok-back: #16331f; --wrong: #ff9d97; --wrong-back: #431a1a;
    --keyword: #d3a4ef; --number: #86bdf5; --string: #8fd6a4; --comment: #b3a893;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; max-width: 100rem; padding: 1.5rem clamp(0.9rem, 3vw, 3rem) 4rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif;
}
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 0.8rem; }
h2 { font-size: 1.35rem; margin: 2.2rem 0 0.8rem; }
h3 { font-size: 1.2rem; line-height: 1.4; margin: 0; }
h4 { font-size: 0.8rem; font-weight: 600; color: var(--soft); margin: 0 0 0.3rem; }
a { color: var(--link); text-underline-offset: 0.15em; text-decoration-thickness: 1px; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-size: 0.88em; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
b.ok, b.wrong { padding: 0.1em 0.5em; border-radius: 0.3em; font-size: 0.85rem; }
.ok { color: var(--ok); }
b.ok, .verdict.ok { background: var(--ok-back); }
.wrong { color: var(--wrong); }
b.wrong, .verdict.wrong, td.wrong { background: var(--wrong-back); font-weight: 600; }
.verdict { font-size: 1.15rem; padding: 0.7rem 1rem; border-radius: 0.5rem; margin: 0 0 1rem; }
.verdict.wrong { font-weight: 400; }
.verdict a { color: inherit; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0.8rem 0; }
dt { color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
dd ul { margin: 0; padding-left: 1.1rem; }
summary { cursor: pointer; color: var(--soft); overflow-wrap: anywhere; }
nav { margin-top: 1.2rem; }
nav ul { columns: 17rem; column-gap: 2rem; margin: 0.5rem 0; padding: 0; list-style: none; }
nav li { break-inside: avoid; padding: 0.12rem 0; }
#filter {
  width: min(24rem, 100%); padding: 0.45rem 0.7rem; margin-bottom: 0.7rem; font: inherit;
  color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: 0.4rem;
}
.wide { overflow-x: auto; border: 1px solid var(--line); border-radius: 0.5rem; }
table { border-spacing: 0; width: 100%; font-size: 0.88rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: baseline; padding: 0.35rem 0.7rem; }
thead th { background: var(--panel); color: var(--soft); font-weight: 600; vertical-align: bottom; }
tbody tr { background: var(--paper); }
tbody :is(th, td) { border-top: 1px solid var(--line); }
tbody tr:hover { background: var(--panel); }
tbody th { font-weight: 400; }
th.check, td.ok, td.wrong, td.none { text-align: right; padding-inline: 0.5rem; }
td.ok, td.none, td.verdict-of { white-space: nowrap; }
th.check { min-width: 4.2rem; }
.words { min-width: 13rem; }
.summary :is(tr > :first-child, tr > :last-child) {
  position: sticky; left: 0; right: 0; background: inherit;
}
.summary thead tr { background: var(--panel); }
.summary tbody th { min-width: 6rem; max-width: 14rem; }
td.ok, td.wrong { font-variant-numeric: tabular-nums; }
td.none { color: var(--soft); }
.reading { margin-top: 0.8rem; max-width: 50rem; font-size: 0.92rem; }
section[id^="formula-"] {
  border-top: 1px solid var(--line); padding: 1.5rem 0 0.8rem; scroll-margin-top: 0.5rem;
}
h3 code { font-weight: 400; color: var(--soft); margin: 0 0.3em; }
.from { color: var(--soft); margin: 0.1rem 0 0; }
.equations { margin: 1rem 0; overflow-x: auto; padding: 0.2rem 0; }
.equations p { margin: 0.7rem 0; }
.equation { display: block; font-size: 1.35rem; }
.listings { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.8rem 1.2rem; }
.listing details { margin-bottom: 0.7rem; }
.listings { margin-bottom: 0.5rem; }
pre {
  margin: 0.3rem 0 0; padding: 0.7rem 0.9rem; overflow-x: auto; background: var(--panel);
  border-radius: 0.4rem; font-size: 0.78rem; line-height: 1.45; tab-size: 4;
}
pre code { font-size: inherit; }
.k { color: var(--keyword); } .n { color: var(--number); } .s { color: var(--string); }
.d, .c { color: var(--comment); }
.failure { border-left: 4px solid var(--wrong); padding: 0.1rem 0 0.1rem 1rem; margin: 1rem 0; }
.failure p { margin: 0.4rem 0; }
.remarks { font-size: 0.88rem; color: var(--soft); margin: 0.6rem 0; padding-left: 1.2rem; }
.up { font-size: 0.85rem; margin: 0.6rem 0 0; }
@media (min-width: 70rem) { .listings { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
@media (max-width: 40rem) {
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 0.5rem; }
  th, td { padding-inline: 0.45rem; }
  .summary tbody th { max-width: 7rem; overflow-wrap: anywhere; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 9pt; }
  nav, .up, #filter { display: none; }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); }
  .wide, .equations { overflow: visible; }
  table { font-size: 6.5pt; }
  th, td { padding: 0.2rem 0.25rem; }
  th.check, .words { min-width: 0; }
  .summary :is(tr > :first-child, tr > :last-child) { position: static; }
  tr { break-inside: avoid; }
  h3, h4 { break-after: avoid; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""

FILTER = """const box = document.getElementById("filter");
box.hidden = false;
box.addEventListener("input", () => {
  for (const part of document.querySelectorAll("[data-words]"))
    part.hidden = !part.dataset.words.includes(box.value.trim().toLowerCase());
});
"""
