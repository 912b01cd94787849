"""How rendered pages look: one style sheet, light and dark, on screen and on paper."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fff; --ground: #f4f3f0; --ink: #1c1b1a; --soft: #6b6862; --line: #dedbd4; --head: #f6f5f2;
    --accent: #9a4d1f;
  --text: Charter, "Bitstream Charter", "Iowan Old Style", "Source Serif 4", Georgia, "Noto Serif", "Noto Serif CJK SC",
    "Songti SC", serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", sans-serif;
  --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #1d1c1b; --ground: #141312; --ink: #e9e6e1; --soft: #a29e97; --line: #3a3835;
    --head: #272523; --accent: #e59a67; }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 3.5rem; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 1.0625rem/1.62 var(--text); }
body > header { position: sticky; top: 0; z-index: 1; display: flex; gap: .4rem 1.5rem;
  align-items: baseline; flex-wrap: wrap;
  padding: .6rem 1.5rem; background: var(--paper); border-bottom: 1px solid var(--line); font-family: var(--sans); }
body > header h1 { margin: 0; font-size: .95rem; font-weight: 600; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .1rem .75rem; font-size: .85rem; max-height: 4.2em; overflow-y: auto; }
nav a { color: var(--soft); text-decoration: none; } nav a:hover { color: var(--accent); text-decoration: underline; }
section { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 1.5rem; align-items: start;
  max-width: 110rem; margin: 0 auto; padding: 1.5rem; }
section.alone { grid-template-columns: minmax(0, 52rem); justify-content: center; }
section > .page { position: sticky; top: 4rem; }
section > .page img { display: block; width: auto; max-width: 100%; max-height: calc(100vh - 6rem);
  margin: 0 auto; background: #fff;
  border: 1px solid var(--line); border-radius: 6px; }
article { min-width: 0; padding: 2rem clamp(1.25rem, 4%, 3rem) 2.25rem; background: var(--paper);
  border: 1px solid var(--line);
  border-radius: 6px; overflow-wrap: break-word; }
article > :first-child { margin-top: 0; } article > :last-child { margin-bottom: 0; }
.status { margin: 0 0 1.25rem; color: var(--soft); font: .8rem/1.4 var(--sans); letter-spacing: .01em; }
.status b { color: var(--accent); font-weight: 600; }
h2, h3, h4, h5, h6 { margin: 1.6em 0 .55em; line-height: 1.25; font-weight: 600; text-wrap: balance; }
.l0 { font-size: 1.9rem; text-align: center; margin-top: .4em; } .l1 { font-size: 1.6rem; } .l2 { font-size: 1.32rem; }
.l3 { font-size: 1.13rem; } .l4 { font-size: 1.03rem; } .l5, .l6 { font-size: 1rem; font-style: italic; }
p { margin: .85em 0; } .author, .date { text-align: center; } .author { font-size: 1.05rem; }
.date { color: var(--soft); }
.plain { white-space: pre-wrap; overflow-wrap: anywhere; }
.caption, figcaption, .footnote, .note { color: var(--soft); font-size: .9rem; line-height: 1.45; }
.caption { text-align: center; } .footnote { border-top: 1px solid var(--line); padding-top: .5em; }
.note { font-family: var(--sans); font-size: .8rem; }
ul, ol { padding-left: 1.7em; margin: .85em 0; } li { margin: .25em 0; } li > :last-child { margin-bottom: 0; }
blockquote { margin: 1em 0; padding: .05em 1.2em; border-left: 3px solid var(--line); color: var(--soft); }
hr { border: 0; border-top: 1px solid var(--line); margin: 2em 20%; }
.group { margin: 1.1em 0; } .center, .figure, .table { text-align: center; } .flushright { text-align: right; }
.abstract { margin: 1.6em 2em; font-size: .96rem; }
.abstract .label { font-weight: 600; text-align: center; margin: 0; }
.theorem > p:first-child { display: inline; } .theorem > p:first-child + p { display: inline; margin-left: .4em; }
code, pre { font-family: var(--mono); font-size: .86em; } code { overflow-wrap: anywhere; }
pre { margin: 1em 0; padding: .9em 1.1em; background: var(--head); border: 1px solid var(--line);
  border-radius: 6px; overflow-x: auto;
  line-height: 1.5; white-space: pre-wrap; } pre code { font-size: 1em; }
details { font: .85rem var(--sans); color: var(--soft); }
.scroll { overflow-x: auto; max-width: 100%; }
math { font-family: "Latin Modern Math", "STIX Two Math", "STIXTwoMath", "Cambria Math", "Libertinus Math",
  "STIX", math; font-size: 1.06em; }
.formula { display: flex; align-items: center; gap: 1rem; margin: 1.1em 0; }
.formula > .scroll { flex: 1; overflow-y: hidden; padding: .15em 0; } .tag { white-space: nowrap; }
mtd { padding: .28em .45em; text-align: center; } mtd.left { text-align: left; } mtd.right { text-align: right; }
mtable.aligned > mtr > mtd { padding: .3em 0; } mtable.aligned > mtr > mtd.left + mtd.right { padding-left: 2em; }
mtable.aligned > mtr > mtd.center { padding: .3em .3em; }
mtable.ruled > mtr > mtd + mtd { border-left: 1px solid currentColor; }
.boxed { border: 1px solid currentColor; padding: .25em .35em; }
.cancel { background: linear-gradient(to top right, transparent 47%, currentColor 48%, currentColor 51%,
  transparent 52%); }
.unknown { color: var(--accent); font-family: var(--mono); font-size: .85em; }
table.grid { border-collapse: collapse; margin: 1.1em auto; font-size: .95rem; line-height: 1.4;
  font-variant-numeric: tabular-nums; }
table.grid td, table.grid th { border: 1px solid var(--line); padding: .38em .75em; vertical-align: middle; }
table.grid th { background: var(--head); font-weight: 600; text-align: center; }
table.grid table.grid { margin: 0; font-size: 1em; }
.left, table.grid th.left { text-align: left; } .center { text-align: center; }
.right, table.grid th.right { text-align: right; }
.group.center > table, .group.center > .scroll { text-align: left; }
figure { margin: 1.3em 0; } figure.drawing { text-align: center; }
figure.drawing > svg { max-width: 100%; height: auto; }
figure.drawing > svg.ink { background: #fff; border-radius: 4px; }
.sr { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.molecule figure { display: inline-block; vertical-align: middle; margin: 0 .3em; }
.molecule svg { max-height: 9em; width: auto; }
figure.source figcaption { margin-top: .35em; font: .8rem var(--sans); } figure.source pre { margin-bottom: 0; }
.link { text-decoration: underline; text-decoration-color: var(--line); text-underline-offset: .15em; }
.address { color: var(--soft); font: .82em var(--mono); overflow-wrap: anywhere; }
.picture { display: inline-block; padding: .5em .9em; border: 1px dashed var(--line); border-radius: 6px;
  color: var(--soft);
  font: .85rem var(--sans); }
@media (max-width: 60rem) { section { grid-template-columns: minmax(0, 1fr); padding: .75rem; }
section > .page { position: static; }
  .abstract { margin-inline: 0; } }
@media print { body, article { background: none; border: 0; } body > header { display: none; }
  section { display: block; padding: 0; break-after: page; } section > .page { display: none; }
  article { padding: 0; } }
"""
