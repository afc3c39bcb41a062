import { byteSize } from "../../runner/byteSize.ts";
import type { ObjectChange, Sign } from "../changes/change.ts";
import { rowsInWords } from "../findings/live.ts";
import { duration } from "../findings/locks.ts";
import { type FindingGroup, grouped } from "./group.ts";
import { Markup, markup } from "./markup.ts";
import { pictureOf } from "./picture.ts";
import type { LockReport, MigrationReport, Report } from "./report.ts";
import { style } from "./style.ts";
import { archiveWords, telling } from "./text.ts";

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
                        <span class="${proof.verified ? "good" : "stop"}">${proof.words}.</span>
                    </p>
                    ${proof.notes.length > 0 && migrations.length > 0 ? list(proof.notes) : undefined}
                </header>
                <main>
                    ${driftSection(report.drift)}
                    ${
                        report.diagram.tables.length > 0
                            ? markup`<section>
                                  <h2>Tables</h2>
                                  ${wide("Picture of the tables", pictureOf(report.diagram))}
                                  <p class="soft">+ new, − gone, ~ changed. Lines are foreign keys.</p>
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

function migrationSection(report: MigrationReport): Markup {
    const { name, direction, summary, tried, findings, changes, locks, reversal, archives, transactional } = report;
    const ddl = changes.flatMap(change => change.ddl).join("\n");
    return markup`<section aria-labelledby="${direction}-${report.version}">
        <h2 id="${direction}-${report.version}">
            ${direction === "down" ? "Rollback of " : ""}${name}${tried ? "" : " (not verified)"}
        </h2>
        ${summary ? markup`<p>${summary}</p>` : undefined}
        ${
            findings.length > 0
                ? markup`<ul class="findings">
                      ${grouped(findings).map(findingItem)}
                  </ul>`
                : markup`<p class="good">No findings.</p>`
        }
        ${
            changes.length > 0
                ? markup`<h3>Becomes</h3>
                      <ul>
                          ${changes.map(changeItem)}
                      </ul>`
                : undefined
        }
        ${lockChart(telling(locks))}
        ${transactional ? undefined : markup`<p>Its statements run one by one, beside the traffic.</p>`}
        ${archives.length > 0 ? markup`<p>${archiveWords(report)}.</p>` : undefined}
        ${reversal ? markup`<p>Way back: ${reversal}.</p>` : undefined}
        ${tried ? undefined : sqlDetails("Its statements", report.statements.map(({ text }) => `${text};`).join("\n"))}
        ${ddl ? sqlDetails("Resulting change as SQL", ddl) : undefined}
    </section>`;
}

function sqlDetails(title: string, sql: string): Markup {
    return markup`<details><summary>${title}</summary><pre tabindex="0"><code>${sql}</code></pre></details>`;
}

function findingItem({ first: { level, code, verdict }, all }: FindingGroup): Markup {
    const fate = verdict.gate === "stopped" ? "stops" : verdict.gate === "allowed" ? "allowed" : "";
    const said = all.map(({ object, words, place }) => {
        const where = place ? markup` <span class="soft">${place.file}:${place.line}</span>` : undefined;
        return markup`<div><code>${object}</code> ${words}${where}</div>`;
    });
    return markup`<li class="${verdict.gate}">
        <strong class="${verdict.gate === "stopped" ? "stop" : ""}">${level}${fate ? `, ${fate}` : ""}</strong>
        <span class="soft">${code}</span>${said}
        ${verdict.gate === "stopped" ? markup`<div>→ ${verdict.remedy}</div>` : undefined}
        ${verdict.gate === "allowed" ? markup`<div>Allowed: ${verdict.reason}</div>` : undefined}
    </li>`;
}

const classes: Readonly<Record<Sign, string>> = { "+": "new", "-": "gone", "~": "changed" };

function changeItem({ sign, object, summary, details }: ObjectChange): Markup {
    const more = details.map(
        detail => markup`<li><span class="${classes[detail.sign]}">${detail.sign}</span> ${detail.words}</li>`,
    );
    return markup`<li>
        <span class="${classes[sign]}">${sign}</span> <code>${object}</code>${summary ? `: ${summary}` : ""}
        ${
            more.length > 0
                ? markup`<ul>
                      ${more}
                  </ul>`
                : undefined
        }
    </li>`;
}

/** Locks are held to the end, so each bar begins where the lock is taken and ends on the right. */
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
        ${rows}`;
}

function driftSection({ notChecked, changes, managed, entries, stops }: Report["drift"]): Markup | undefined {
    if (notChecked === undefined && changes.length === 0 && managed.length === 0) return undefined;
    const shown = (text: string | null) => (text === null ? markup`<em>not there</em>` : markup`<code>${text}</code>`);
    const rows = entries
        .filter(({ hand }) => hand === "person")
        .map(({ key, expected, actual }) => [markup`<code>${key}</code>`, shown(expected), shown(actual)]);
    return markup`<section>
        <h2>Drift${stops ? ": stops" : ""}</h2>
        ${notChecked ? markup`<p>${notChecked}</p>` : undefined}
        ${
            changes.length > 0
                ? markup`<p>Changed since this tool's last change:</p>
                      <ul>
                          ${changes.map(changeItem)}
                      </ul>
                      <details>
                          <summary>As it was and as it is</summary>
                          ${table("Drift", ["Object", "Expected", "Actual"], rows)}
                      </details>`
                : undefined
        }
        ${
            managed.length > 0
                ? markup`<details>
                      <summary>Changed by Supabase itself: ${managed.length}</summary>
                      <ul>
                          ${managed.map(changeItem)}
                      </ul>
                  </details>`
                : undefined
        }
    </section>`;
}

function accessSection({ access }: Report): Markup | undefined {
    if (access.length === 0) return undefined;
    const rows = access.map(({ table: name, role, before, after }) => {
        const now = after.join(", ") || "nothing";
        const isSame = before.join() === after.join();
        return [
            markup`<code>${name}</code>`,
            role,
            before.join(", ") || "nothing",
            isSame ? now : markup`<strong class="changed">${now}</strong>`,
        ];
    });
    return markup`<section>
        <h2>Who may do what</h2>
        ${table("Who may do what", ["Table", "Role", "Before", "After"], rows)}
        <p class="soft">
            By policy: rows only that a policy lets through. Roles that bypass row level security need none.
        </p>
    </section>`;
}

function table(name: string, head: readonly string[], rows: readonly (readonly (string | Markup)[])[]): Markup {
    return wide(
        name,
        markup`<table>
            <thead>
                <tr>
                    ${head.map(title => markup`<th scope="col">${title}</th>`)}
                </tr>
            </thead>
            <tbody>
                ${rows.map(
                    cells =>
                        markup`<tr>
                            ${cells.map(cell => markup`<td>${cell}</td>`)}
                        </tr>`,
                )}
            </tbody>
        </table>`,
    );
}

/** What is wider than a phone is moved sideways by itself. */
function wide(name: string, inside: Markup): Markup {
    return markup`<div class="wide" role="region" aria-label="${name}" tabindex="0">${inside}</div>`;
}

function list(items: readonly string[]): Markup {
    return markup`<ul>
        ${items.map(item => markup`<li>${item}</li>`)}
    </ul>`;
}
