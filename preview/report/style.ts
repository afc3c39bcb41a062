/** Of report.html: readable on a phone, in the dark and on paper, and without a request to anybody. */
export const style = `
:root { color-scheme: light dark; --ink: #1c2024; --soft: #5a636c; --page: #fff; --card: #f5f6f8; --line: #d4d8dd;
    --stop: #b3161f; --stop-page: #fdecec; --good: #17693a; --new: #17693a; --gone: #b3161f; --changed: #8a5300; --bar: #4b6fd6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a7b0b9; --page: #14171a; --card: #1d2125;
    --line: #3a4148; --stop: #ff8d8d; --stop-page: #3a1a1c; --good: #7fd6a0; --new: #7fd6a0; --gone: #ff8d8d;
    --changed: #f0b95b; --bar: #8aa5f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; background: var(--page); color: var(--ink);
    font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.5rem; } h3 { font-size: 1rem; }
code, pre { font: 0.875em/1.5 ui-monospace, monospace; } pre { overflow-x: auto; padding: 0.75rem; background: var(--card); }
.soft { color: var(--soft); } .stop { color: var(--stop); } .good { color: var(--good); }
.status { padding: 0.75rem 1rem; border-left: 0.3rem solid var(--good); background: var(--card); }
.status.stopped { border-color: var(--stop); background: var(--stop-page); }
.findings { padding: 0; list-style: none; } .findings > li { margin: 0.5rem 0; padding: 0.5rem 0.75rem; border-left: 0.25rem solid var(--line); background: var(--card); }
.findings > li.stopped { border-color: var(--stop); } .findings > li.allowed { border-color: var(--good); }
.new { color: var(--new); } .gone { color: var(--gone); } .changed { color: var(--changed); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th, td { padding: 0.35rem 0.6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; overflow-wrap: normal; }
details { margin: 0.75rem 0; } summary { cursor: pointer; font-weight: 600; }
.lock { margin: 0.6rem 0; } .track { height: 0.7rem; background: var(--card); border: 1px solid var(--line); }
.bar { height: 100%; background: var(--bar); } .bar.all { background: var(--stop); }
svg { display: block; min-width: 40rem; width: 100%; height: auto; font: 12px ui-monospace, monospace; }
svg .box { fill: var(--card); stroke: var(--line); } svg .box.new { stroke: var(--new); stroke-width: 2; }
svg .box.gone { stroke: var(--gone); stroke-width: 2; stroke-dasharray: 5 3; } svg .box.changed { stroke: var(--changed); stroke-width: 2; }
svg text { fill: var(--ink); } svg text.name { font-weight: 700; } svg text.type { fill: var(--soft); }
svg text.new { fill: var(--new); } svg text.gone { fill: var(--gone); } svg text.changed { fill: var(--changed); }
svg path { fill: none; stroke: var(--soft); } svg path.new { stroke: var(--new); stroke-width: 2; } svg path.gone { stroke: var(--gone); stroke-dasharray: 5 3; }
@media print { details { display: block; } details > * { display: block; } }
`;
