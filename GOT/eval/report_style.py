"""The look of report.html."""

STYLE = """
:root {
  color-scheme: light;
  --ink: #1d2330; --soft: #667085; --line: #e2e6ee; --paper: #ffffff; --back: #f5f6f9;
  --less: #ffd9d6; --less-ink: #8f1d14; --more: #d3f0d9; --more-ink: #14602a; --swap: #ffe9b8; --swap-ink: #7a4b00;
}
* { box-sizing: border-box; }
body {
  margin: 0; padding: 32px clamp(16px, 4vw, 56px); background: var(--back); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", sans-serif;
}
h1 { margin: 0 0 4px; font-size: 26px; }
h2 { margin: 40px 0 12px; font-size: 19px; }
p { margin: 4px 0; }
ul { margin: 12px 0 0; padding-left: 20px; color: var(--soft); }
.soft { color: var(--soft); }
.scroll, section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; }
.scroll { overflow-x: auto; margin-top: 16px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: 8px 10px; text-align: right; white-space: nowrap; border-top: 1px solid var(--line); }
thead th { border-top: 0; font-weight: 600; color: var(--soft); }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
tr.strict td { font-weight: 600; }
tr.compat td { color: var(--soft); }
tr.ours td { font-weight: 600; background: #eef4ff; }
section { margin-top: 20px; overflow: hidden; }
section > header {
  padding: 12px 18px; border-bottom: 1px solid var(--line);
  display: flex; flex-wrap: wrap; gap: 4px 18px; align-items: baseline;
}
section > header b { font-size: 16px; overflow-wrap: anywhere; }
.status { padding: 1px 9px; border-radius: 99px; background: #e8ecf3; font-size: 13px; }
.status.failed, .status.repeated, .status.truncated { background: var(--less); color: var(--less-ink); }
.pair { display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1.3fr); }
.pair > * { padding: 16px 18px; min-width: 0; }
.pair > figure { margin: 0; border-right: 1px solid var(--line); }
figure img {
  display: block; max-width: 100%; max-height: 640px; margin: 0 0 8px;
  border: 1px solid var(--line); border-radius: 4px;
}
pre {
  margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 640px; overflow-y: auto;
  font: 14px/1.65 ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", "Noto Sans CJK SC", monospace;
}
del, ins, .swap { text-decoration: none; border-radius: 3px; padding: 0 1px; }
del { background: var(--less); color: var(--less-ink); }
ins { background: var(--more); color: var(--more-ink); }
.swap { background: var(--swap); color: var(--swap-ink); }
.swap s { opacity: .75; margin-right: 2px; }
.key { font-size: 13px; color: var(--soft); margin-bottom: 10px; }
@media (max-width: 800px) {
  .pair { grid-template-columns: 1fr; }
  .pair > figure { border-right: 0; border-bottom: 1px solid var(--line); }
}
"""
