import { byteSize } from "../../runner/byteSize.ts";
import { headline, type ObjectChange } from "../changes/change.ts";
import { duration } from "../findings/locks.ts";
import { rowsInWords } from "../findings/live.ts";
import { type FindingGroup, grouped } from "./group.ts";
import type { LockReport, MigrationReport, Report } from "./report.ts";
import { shortened, wrap } from "./wrap.ts";

/** The engine puts six characters before a line, and a terminal has 80. */
const width = 74;

/** Of each part, so that one migration does not fill the screen; the report has all. */
const most = { findings: 8, alike: 4, changes: 10, details: 6, locks: 4, statements: 6 };

/** What a person reads under a migration's resource, the most important first: no colour, at most 80 characters wide. */
export function migrationText(report: MigrationReport): string[] {
    const { findings, changes, locks, reversal, direction, transactional, archives, tried, statements } = report;
    return [
        ...wrap(title(report), width, "    "),
        ...limited(grouped(findings), most.findings, findingLines),
        ...section("becomes", limited(changes, most.changes, changeLines)),
        ...section("traffic that waits", limited(telling(locks), most.locks, lockLines)),
        ...(tried ? [] : section("its statements", limited(statements, most.statements, statementLine))),
        ...(transactional ? [] : wrap("  its statements run one by one, beside the traffic", width)),
        ...(archives.length > 0 ? wrap(`  ${archiveWords(report)}`, width, "    ") : []),
        ...(direction === "up" && reversal ? wrap(`  back: ${reversal}`, width, "    ") : []),
    ];
}

/** The same where many are pending, as on a first start: what needs a person's eyes, and whether there is a way back. */
export function briefText(report: MigrationReport): string[] {
    const telling = report.findings.filter(({ level }) => level !== "note");
    return migrationText({ ...report, findings: telling, changes: [], locks: [], archives: [] });
}

function title({ name, direction, summary, findings, tried }: MigrationReport): string {
    const count = (gate: string) => findings.filter(({ verdict }) => verdict.gate === gate).length;
    const stopped = count("stopped");
    const parts = [
        stopped > 0 ? `STOPPED by ${stopped} finding${stopped === 1 ? "" : "s"}` : "",
        count("allowed") > 0 ? `${count("allowed")} allowed` : "",
        tried ? "" : "NOT VERIFIED",
    ].filter(Boolean);
    const what = direction === "up" ? "pending" : "to be rolled back";
    return `${what}: ${name}${parts.length > 0 ? `: ${parts.join(", ")}` : summary ? `: ${summary}` : ""}`;
}

/** `STOP destructive  public.notes: goes with all its rows (…)`, where it is, and what to do about it. */
function findingLines({ first, all }: FindingGroup): string[] {
    const { level, verdict, code } = first;
    const mark = verdict.gate === "stopped" ? "STOP" : verdict.gate === "allowed" ? "ok  " : "*   ";
    const said = all.slice(0, most.alike).map(({ object, words }) => shortened(`${object}: ${words}`, 300));
    const more = all.length > said.length ? [`and ${all.length - said.length} more like it`] : [];
    const [line = "", ...rest] = [...said, ...more];
    const places = [...new Set(all.flatMap(({ place }) => (place ? `${place.file}:${place.line}` : [])))];
    const hang = "       ";
    return [
        ...wrap(`  ${mark} ${level}  ${line}`, width, hang),
        ...rest.flatMap(text => wrap(`${hang}${text}`, width, `${hang}  `)),
        ...wrap(`${hang}[${[code, ...places.slice(0, 3)].join(", ")}]`, width, hang),
        ...(verdict.gate === "stopped" ? wrap(`${hang}→ ${verdict.remedy}`, width, `${hang}  `) : []),
        ...(verdict.gate === "allowed" ? wrap(`${hang}allowed: ${verdict.reason}`, width, `${hang}  `) : []),
    ];
}

function changeLines(change: ObjectChange): string[] {
    const details = change.details.map(({ sign, words }) => `${sign} ${words}`);
    return [
        ...wrap(`    ${shortened(headline(change), 200)}`, width, "      "),
        ...limited(details, most.details, words => wrap(`      ${shortened(words, 140)}`, width, "        ")),
    ];
}

function lockLines({ relation, stops, heldMs, rows, bytes, work }: LockReport): string[] {
    const size = bytes === null ? "" : ` (${rowsInWords(rows ?? -1)}, ${byteSize(bytes)})`;
    const why = work.length > 0 && heldMs >= 250 ? `; ${work.join(", ")}` : "";
    return wrap(`    ${relation}: ${stops}, for ${duration(heldMs)}${size}${why}`, width, "      ");
}

function statementLine({ line, text }: MigrationReport["statements"][number]): string[] {
    return [shortened(`    line ${line}: ${text.split("\n")[0]}`, width)];
}

/** Locks that nobody waits for are in the report only. */
export function telling(locks: readonly LockReport[]): LockReport[] {
    return locks.filter(({ stops }) => stops !== "nothing");
}

/** `a rollback would keep in the archive: public.notes (about 12 k rows, 3 MB)` */
export function archiveWords({ direction, archives }: MigrationReport): string {
    const kept = archives.map(({ table, columns, rows, bytes, where }) => {
        const what = columns === "all" ? table : `${table} (${columns.join(", ")})`;
        const size = bytes === null ? "what is in it by then" : `${rowsInWords(rows ?? -1)}, ${byteSize(bytes)}`;
        return `${what}, ${size}${where ? `, of which those where ${where}` : ""}`;
    });
    return `${direction === "down" ? "kept in the archive" : "a rollback keeps in the archive"}: ${kept.join("; ")}`;
}

/** What is said of no migration: how far all of it can be believed, and what changed behind the stack's back. */
export function generalText({ proof, drift, pending, rollbacks }: Report): string[] {
    const isNeeded = pending.length + rollbacks.length > 0;
    return [
        ...(isNeeded ? wrap(`preview: ${proof.words}`, width, "    ") : []),
        ...(isNeeded ? limited(proof.notes, 4, note => wrap(`  but: ${shortened(note, 300)}`, width, "    ")) : []),
        ...driftText(drift),
    ];
}

/** `drift not checked: this login may not read the ledger (simulation_db.snapshot)` */
export function notCheckedWords(why: string): string {
    return `drift not checked: ${why}`;
}

export function driftText({ notChecked, bucketNotChecked, changes, managed, stops }: Report["drift"]): string[] {
    const unknown = [
        ...(notChecked === undefined ? [] : wrap(notCheckedWords(notChecked), width, "    ")),
        ...(bucketNotChecked === undefined ? [] : wrap(bucketNotChecked, width, "    ")),
    ];
    const upgraded =
        managed.length > 0
            ? wrap(
                  `  Supabase itself changed ${managed.length} object${managed.length === 1 ? "" : "s"}: see the report`,
                  width,
              )
            : [];
    if (changes.length === 0) return [...unknown, ...upgraded];
    const count = `${changes.length} object${changes.length === 1 ? "" : "s"}`;
    return [
        ...unknown,
        ...wrap(
            `${stops ? "STOP " : ""}drift: ${count} of the database changed since this tool's last change:`,
            width,
            "    ",
        ),
        ...limited(changes, most.changes, changeLines),
        ...upgraded,
    ];
}

function section(name: string, lines: readonly string[]): string[] {
    return lines.length > 0 ? [`  ${name}`, ...lines] : [];
}

function limited<T>(items: readonly T[], limit: number, lines: (item: T) => string[]): string[] {
    const rest = items.length - limit;
    const shown = rest === 1 ? items : items.slice(0, limit);
    return [...shown.flatMap(lines), ...(rest > 1 ? [`      … and ${rest} more: see the report`] : [])];
}
