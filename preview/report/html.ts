import { byteSize } from "../../runner/byteSize.ts";
import type { ObjectChange, Sign } from "../changes/change.ts";
import { byPersons } from "../drift/drift.ts";
import { rowsInWords } from "../findings/live.ts";
import { duration } from "../findings/locks.ts";
import { type FindingGroup, grouped } from "./group.ts";
import { Markup, markup } from "./markup.ts";
import { pictureOf } from "./picture.ts";
import { type LockReport, type MigrationReport, type Report, warningsIn } from "./report.ts";
import { style } from "./style.ts";
import { archiveWords, notCheckedWords, telling } from "./text.ts";

/** The report as one page that needs nothing else: no network, no script. */
export function htmlOf(report: Report): string {
    const { stack, stopped, proof, rollbacks, pending, target, madeAt } = report;
    const migrations = [...rollbacks, ...pending];
    const page = markup`<!doctype html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'" />
                <title>Database preview of ${stack}</title>
                <style>
                    ${new Markup(style)}
                </style>
            </head>
            <body>
                <header>
                    <h1>Database preview of ${stack}</h1>
                    <p class="status ${stopped ? "stopped" : ""}">
                        <strong>${stopped ? "Stopped." : "Nothing stops it."}</strong> ${pending.length} to apply,
                        ${rollbacks.length} to roll back.
                        <span class="${proof.verified ? "good" : "stop"}">${capital(proof.words)}.</span>
                    </p>
                    ${overview(migrations)}
                    ${proof.notes.length > 0 && migrations.length > 0 ? notes(proof.notes) : undefined}
                </header>
                <main>
                    ${warningsSection(report)}
                    ${driftSection(report)}
                    ${
                        report.diagram.tables.length > 0
                            ? markup`<section>
                                  <h2>Tables</h2>
                                  ${wide("Picture of the tables", pictureOf(report.diagram))}
                                  <p class="soft">
                                      + new, − gone, ~ changed. A line is a foreign key; its dot is at the table pointed
                                      at.
                                  </p>
                              </section>`
                            : undefined
                    }
                    ${migrations.map(migrationSection)} ${accessSection(report)}
                </main>
                <footer class="soft">
                    <p>
                        Resulting changes, not the statements that will run. Times are estimates from live sizes.
                        PostgreSQL ${target.serverVersion}, database ${target.identity}, ${madeAt}.
                    </p>
                </footer>
            </body>
        </html> `;
    return page.text;
}

/** All migrations at a glance, with the way to each. */
function overview(migrations: readonly MigrationReport[]): Markup | undefined {
    if (migrations.length === 0) return undefined;
    return markup`<ul class="overview plain">
        ${migrations.map(
            report =>
                markup`<li>${badge(report)} <a href="#${anchor(report)}">${titleOf(report)}</a> ${report.summary}</li>`,
        )}
    </ul>`;
}

function anchor({ direction, version }: MigrationReport): string {
    return `${direction}-${version}`;
}

function titleOf({ direction, name }: MigrationReport): string {
    return direction === "down" ? `Rollback of ${name}` : name;
}

/** What a reviewer has to know first. */
function badge({ tried, findings }: MigrationReport): Markup {
    const count = (gate: string) => findings.filter(({ verdict }) => verdict.gate === gate).length;
    if (count("stopped") > 0) return markup`<span class="badge stopped">stops: ${count("stopped")}</span>`;
    if (!tried) return markup`<span class="badge stopped">not verified</span>`;
    if (count("open") > 0) return markup`<span class="badge open">to read: ${count("open")}</span>`;
    if (count("allowed") > 0) return markup`<span class="badge">allowed: ${count("allowed")}</span>`;
    return markup`<span class="badge">no findings</span>`;
}

function migrationSection(report: MigrationReport): Markup {
    const { summary, tried, findings, changes, locks, reversal, archives, transactional } = report;
    const ddl = changes.flatMap(change => change.ddl).join("\n");
    return markup`<section aria-labelledby="${anchor(report)}">
        <h2 id="${anchor(report)}">${titleOf(report)}${tried ? "" : " (not verified)"}</h2>
        ${summary ? markup`<p>${summary}</p>` : undefined}
        ${
            findings.length > 0
                ? markup`<ul class="findings plain">
                      ${grouped(findings).map(findingItem)}
                  </ul>`
                : markup`<p class="good">No findings.</p>`
        }
        ${
            changes.length > 0
                ? markup`<h3>Becomes</h3>
                      ${changeList(changes)}`
                : undefined
        }
        ${lockChart(telling(locks))}
        ${transactional ? undefined : markup`<p>Its statements run one by one, beside the traffic.</p>`}
        ${archives.length > 0 ? markup`<p>${capital(archiveWords(report))}.</p>` : undefined}
        ${reversal ? markup`<p>Way back: ${reversal}.</p>` : undefined}
        ${tried ? undefined : sqlDetails("Its statements", report.statements.map(({ text }) => `${text};`).join("\n"))}
        ${ddl ? sqlDetails("Resulting change as SQL", ddl) : undefined}
    </section>`;
}

function capital(text: string): string {
    return text.charAt(0).toUpperCase() + text.slice(1);
}

function sqlDetails(title: string, sql: string): Markup {
    return markup`<details><summary>${title}</summary><pre tabindex="0"><code>${sql}</code></pre></details>`;
}

/** Findings of one kind beyond so many are folded away. */
const mostAlike = 8;

function findingItem({ first: { level, code, verdict }, all }: FindingGroup): Markup {
    const fate = verdict.gate === "stopped" ? "stops" : verdict.gate === "allowed" ? "allowed" : "";
    const said = all.map(({ object, words, place }) => {
        const where = place ? markup` <span class="soft">${place.file}:${place.line}</span>` : undefined;
        return markup`<div class="said"><code>${object}</code> ${words}${where}</div>`;
    });
    const folded = said.length > mostAlike + 1 ? said.slice(mostAlike) : [];
    const more = markup`<details><summary>and ${folded.length} more like it</summary>${folded}</details>`;
    return markup`<li class="${verdict.gate}">
        <strong class="${verdict.gate === "stopped" ? "stop" : ""}">${level}${fate ? `, ${fate}` : ""}</strong>
        <span class="soft">${code}</span>${said.slice(0, said.length - folded.length)}
        ${folded.length > 0 ? more : undefined}
        ${verdict.gate === "stopped" ? markup`<div>→ ${verdict.remedy}</div>` : undefined}
        ${verdict.gate === "allowed" ? markup`<div>Allowed: ${verdict.reason}</div>` : undefined}
    </li>`;
}

const classes: Readonly<Record<Sign, string>> = { "+": "new", "-": "gone", "~": "changed" };

/** Without bullets: the signs stand in their place. */
function changeList(changes: readonly ObjectChange[]): Markup {
    return markup`<ul class="changes plain">
        ${changes.map(changeItem)}
    </ul>`;
}

function changeItem({ sign, object, summary, details }: ObjectChange): Markup {
    const more = details.map(detail => markup`<li>${signed(detail.sign)}${detail.words}</li>`);
    return markup`<li>
        ${signed(sign)}<code>${object}</code>${summary ? `: ${summary}` : ""}
        ${
            more.length > 0
                ? markup`<ul class="plain">
                      ${more}
                  </ul>`
                : undefined
        }
    </li>`;
}

function signed(sign: Sign): Markup {
    return markup`<span class="sign ${classes[sign]}">${sign === "-" ? "−" : sign}</span>`;
}

/** A timeline per relation. Locks are held to the end, so each bar begins where its lock is taken and ends on the right. */
function lockChart(locks: readonly LockReport[]): Markup | undefined {
    if (locks.length === 0) return undefined;
    const longest = Math.max(...locks.map(({ heldMs }) => heldMs), 1);
    const rows = locks.map(({ relation, stops, heldMs, rows: count, bytes, mode, work, line }) => {
        const share = Math.max(1, Math.round((heldMs / longest) * 100));
        const size = bytes === null ? "" : ` (${rowsInWords(count ?? -1)}, ${byteSize(bytes)})`;
        const why = work.length > 0 ? `; ${work.join(", ")}` : "";
        return markup`<div class="lock">
            <div>
                <code>${relation}</code> ${stops} wait ${duration(heldMs)}${size}${why}
                <span class="soft">${mode}, from line ${line}</span>
            </div>
            <div class="track" aria-hidden="true">
                <div
                    class="bar ${stops === "writes" ? "" : "all"}"
                    style="width: ${share}%; margin-left: ${100 - share}%"
                ></div>
            </div>
        </div>`;
    });
    return markup`<h3>Traffic that waits</h3>
        <p class="soft">
            <span class="key all"></span> reads and writes wait <span class="key"></span> only writes wait; from the lock to
            the end of the migration
        </p>
        ${rows}
        <div class="axis soft" aria-hidden="true"><span>0</span><span>${duration(longest)}</span></div>`;
}

function warningsSection(report: Report): Markup | undefined {
    const all = warningsIn(report);
    if (all.length === 0) return undefined;
    return markup`<ul class="plain">
        ${all.map(words => markup`<li><span class="stop">Warning:</span> ${words}</li>`)}
    </ul>`;
}

function driftSection({ drift }: Report): Markup | undefined {
    const { notChecked, bucketNotChecked, changes, managed, stops } = drift;
    const isWhole = notChecked === undefined && bucketNotChecked === undefined;
    if (isWhole && changes.length === 0 && managed.length === 0) return undefined;
    const shown = (text: string | null) => (text === null ? markup`<em>not there</em>` : markup`<code>${text}</code>`);
    const rows = byPersons(drift).map(({ key, expected, actual }) => [
        markup`<code>${key}</code>`,
        shown(expected),
        shown(actual),
    ]);
    return markup`<section>
        <h2>Drift${stops ? ": stops" : ""}</h2>
        ${notChecked ? markup`<p>${capital(notCheckedWords(notChecked))}.</p>` : undefined}
        ${bucketNotChecked ? markup`<p>${capital(bucketNotChecked)}.</p>` : undefined}
        ${
            changes.length > 0
                ? markup`<p>Changed since this tool's last change:</p>
                      ${changeList(changes)}
                      <details>
                          <summary>As it was and as it is</summary>
                          ${table(["Object", "Expected", "Actual"], rows)}
                      </details>`
                : undefined
        }
        ${
            managed.length > 0
                ? markup`<details>
                      <summary>Changed by Supabase itself: ${managed.length}</summary>
                      ${changeList(managed)}
                  </details>`
                : undefined
        }
    </section>`;
}

function accessSection({ access }: Report): Markup | undefined {
    if (access.length === 0) return undefined;
    const rows = access.map(({ table: name, role, before, after }) => {
        const gained = after.filter(privilege => !before.includes(privilege));
        const lost = before.filter(privilege => !after.includes(privilege));
        const kept = after.filter(privilege => before.includes(privilege));
        const changes = [
            ...(kept.length > 0 ? [markup`${kept.join(", ")}`] : []),
            ...(gained.length > 0 ? [markup`<strong class="changed">+ ${gained.join(", ")}</strong>`] : []),
            ...(lost.length > 0 ? [markup`<strong class="gone">− ${lost.join(", ")}</strong>`] : []),
        ];
        return [
            markup`<code>${name}</code>`,
            role,
            before.join(", ") || "nothing",
            changes.length > 0 ? markup`${changes.map((change, index) => [index > 0 ? "; " : "", change])}` : "nothing",
        ];
    });
    return markup`<section>
        <h2>Who may do what</h2>
        ${table(["Table", "Role", "Before", "After"], rows)}
        <p class="soft">
            + gained, − lost. By policy: rows only that a policy lets through. Roles that bypass row level security need
            none.
        </p>
    </section>`;
}

/** Its rows are stacked on a phone, which takes the meaning from its elements; so the roles say it. */
function table(head: readonly string[], rows: readonly (readonly (string | Markup)[])[]): Markup {
    return markup`<table role="table">
        <thead role="rowgroup">
            <tr role="row">
                ${head.map(title => markup`<th role="columnheader" scope="col">${title}</th>`)}
            </tr>
        </thead>
        <tbody role="rowgroup">
            ${rows.map(
                cells =>
                    markup`<tr role="row">
                        ${cells.map((cell, index) => markup`<td role="cell" data-head="${head[index]}">${cell}</td>`)}
                    </tr>`,
            )}
        </tbody>
    </table>`;
}

/** What is wider than a phone is moved sideways by itself. */
function wide(name: string, inside: Markup): Markup {
    return markup`<div class="wide" role="region" aria-label="${name}" tabindex="0">${inside}</div>`;
}

function notes(items: readonly string[]): Markup {
    return markup`<p class="soft">${items.map((item, index) => [index > 0 ? " " : "", `${capital(item.replace(/\.$/, ""))}.`])}</p>`;
}
