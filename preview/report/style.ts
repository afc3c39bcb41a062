/** Of report.html: readable on a phone, in the dark and on paper, and without a request to anybody. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #56606a; --page: #fff; --card: #f5f6f8; --line: #d4d8dd;
    --stop: #b3161f; --stop-page: #fdecec; --good: #17693a; --good-page: #e8f5ed; --new: #17693a; --gone: #b3161f;
    --changed: #8a5300; --bar: #4b6fd6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a7b0b9; --page: #14171a; --card: #1d2125;
    --line: #3a4148; --stop: #ff8d8d; --stop-page: #3a1a1c; --good: #7fd6a0; --good-page: #16301f; --new: #7fd6a0;
    --gone: #ff8d8d; --changed: #f0b95b; --bar: #8aa5f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 64rem; padding: 1rem; background: var(--page); color: var(--ink);
    font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0.5rem 0 1rem; } h2 { font-size: 1.2rem; margin: 0 0 0.5rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 0.4rem; } p { margin: 0.5rem 0; } a { color: inherit; }
main > section { margin-top: 1.5rem; padding: 1rem 1.25rem; border: 1px solid var(--line); border-radius: 0.5rem; }
code, pre { font: 0.875em/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: 0.75rem; background: var(--card); border-radius: 0.35rem; }
.soft { color: var(--soft); font-size: 0.9rem; } .stop { color: var(--stop); } .good { color: var(--good); }
.status { padding: 0.75rem 1rem; border-left: 0.3rem solid var(--good); background: var(--good-page); border-radius: 0.25rem; }
.status.stopped { border-color: var(--stop); background: var(--stop-page); }
.plain { padding: 0; list-style: none; margin: 0.5rem 0; } .overview > li { margin: 0.3rem 0; }
.badge { display: inline-block; padding: 0 0.5rem; border: 1px solid; border-radius: 1rem; font-size: 0.8rem; font-weight: 600;
    color: var(--good); overflow-wrap: normal; white-space: nowrap; } .badge.stopped { color: var(--stop); } .badge.open { color: var(--changed); }
.findings > li { margin: 0.5rem 0; padding: 0.5rem 0.75rem; border-left: 0.25rem solid var(--line); background: var(--card);
    border-radius: 0.25rem; }
.findings > li.stopped { border-color: var(--stop); } .findings > li.allowed { border-color: var(--good); }
.findings .said { margin: 0.25rem 0; } .changes li { padding-left: 1.4rem; text-indent: -1.1rem; } .changes ul { padding-left: 1rem; }
.sign { display: inline-block; width: 1.1rem; text-indent: 0; font: 700 0.95em ui-monospace, monospace; }
.new { color: var(--new); } .gone { color: var(--gone); } .changed { color: var(--changed); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { padding: 0.35rem 0.6rem 0.35rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
td:first-child { min-width: 12rem; } td[data-head="Role"] { min-width: 7.5rem; }
@media (max-width: 40rem) { main > section { padding: 0.75rem 0.85rem; } table, tbody, tr, td { display: block; }
    thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    tr { border-bottom: 1px solid var(--line); padding: 0.4rem 0; } td { border: 0; padding: 0.1rem 0; }
    td::before { content: attr(data-head) ": "; color: var(--soft); } }
details { margin: 0.75rem 0; } summary { cursor: pointer; font-weight: 600; }
.lock { margin: 0.6rem 0; } .track { height: 0.8rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.2rem; }
.bar { height: 100%; min-width: 3px; background: var(--bar); } .bar.all { background: var(--stop); }
.axis { display: flex; justify-content: space-between; }
.key { display: inline-block; width: 0.8rem; height: 0.8rem; background: var(--bar); vertical-align: -0.1rem; } .key.all { background: var(--stop); }
svg { display: block; max-width: max(100%, 44rem); height: auto; font: 12px ui-monospace, monospace; }
svg .box { fill: var(--card); stroke: var(--line); } svg .box.new { stroke: var(--new); stroke-width: 2; }
svg .box.gone { stroke: var(--gone); stroke-width: 2; stroke-dasharray: 5 3; } svg .box.changed { stroke: var(--changed); stroke-width: 2; }
svg text { fill: var(--ink); } svg text.name { font-weight: 700; } svg text.type { fill: var(--soft); }
svg text.new { fill: var(--new); } svg text.gone { fill: var(--gone); } svg text.changed { fill: var(--changed); }
svg path { fill: none; stroke: var(--soft); stroke-width: 1.5; } svg path.new { stroke: var(--new); stroke-width: 2; }
svg path.gone { stroke: var(--gone); stroke-dasharray: 5 3; } svg circle { fill: var(--soft); } svg circle.new { fill: var(--new); }
svg circle.gone { fill: var(--gone); }
@media print { details { display: block; } details > * { display: block; } main > section { break-inside: avoid; } }
`;
