import { byteSize } from "../../runner/byteSize.ts";
import { headline, type ObjectChange } from "../changes/change.ts";
import { rowsInWords } from "../findings/live.ts";
import { duration } from "../findings/locks.ts";
import { type FindingGroup, grouped } from "./group.ts";
import type { LockReport, MigrationReport, Report } from "./report.ts";
import { archiveWords, telling } from "./text.ts";
import { shortened } from "./wrap.ts";

/** GitHub takes 65 536 characters in a comment. */
const mostCharacters = 60_000;

/** The report as a comment of a pull request. */
export function markdownOf(report: Report): string {
    const { stack, proof, pending, rollbacks, drift, stopped } = report;
    const parts = [
        `## Database preview of \`${stack}\`: ${stopped ? "stopped" : verdict(report)}`,
        proof.verified ? sentence(proof.words) : `**${plain(proof.words)}**`,
        ...(proof.notes.length > 0 && pending.length + rollbacks.length > 0 ? [list(proof.notes.map(plain))] : []),
        ...driftPart(drift),
        ...rollbacks.map(migrationPart),
        ...pending.map(migrationPart),
        ...accessPart(report),
        `<sub>Resulting changes, not the statements that will run. Times are estimates from live sizes. PostgreSQL ${plain(report.target.serverVersion)}, ${report.madeAt}.</sub>`,
    ];
    const text = `${parts.join("\n\n")}\n`;
    return text.length > mostCharacters
        ? `${text.slice(0, mostCharacters).replace(/\n[^\n]*$/, "")}\n\n… cut here: report.html has all of it.\n`
        : text;
}

function verdict({ pending, rollbacks, drift }: Report): string {
    if (pending.length + rollbacks.length === 0) return drift.changes.length > 0 ? "drift" : "nothing to do";
    const counts = [
        pending.length > 0 ? `${pending.length} to apply` : "",
        rollbacks.length > 0 ? `${rollbacks.length} to roll back` : "",
    ];
    return counts.filter(Boolean).join(", ");
}

function migrationPart(report: MigrationReport): string {
    const { name, direction, summary, findings, changes, locks, reversal, archives, tried, transactional } = report;
    const ddl = changes.flatMap(change => change.ddl);
    const parts = [
        `### ${direction === "up" ? "" : "Rollback of "}\`${name}\`${tried ? "" : " (not verified)"}`,
        ...(summary ? [plain(summary)] : []),
        ...(findings.length > 0 ? [list(grouped(findings).map(findingItem))] : ["No findings."]),
        ...(changes.length > 0 ? [list(changes.map(changeItem))] : []),
        ...(telling(locks).length > 0 ? [lockTable(telling(locks))] : []),
        ...(transactional ? [] : ["Its statements run one by one, beside the traffic."]),
        ...(archives.length > 0 ? [sentence(archiveWords(report))] : []),
        ...(reversal ? [sentence(`Way back: ${reversal}`)] : []),
        ...(tried
            ? []
            : [details("Its statements", fence(report.statements.map(({ text }) => `${text};`).join("\n"), "sql"))]),
        ...(ddl.length > 0 ? [details("Resulting change as SQL", fence(ddl.join("\n"), "sql"))] : []),
    ];
    return parts.join("\n\n");
}

function findingItem({ first: { level, verdict, code }, all }: FindingGroup): string {
    const mark = verdict.gate === "stopped" ? "🛑 **stops**, " : verdict.gate === "allowed" ? "✅ allowed, " : "";
    const said = all.map(({ object, words, place }) => {
        const where = place === undefined ? "" : ` (\`${place.file}:${place.line}\`)`;
        return `${asCode(object)} ${plain(words)}${where}`;
    });
    const what = said.length === 1 ? ` ${said[0]}` : said.map(text => `\n  - ${text}`).join("");
    const more =
        verdict.gate === "allowed"
            ? `\n  Allowed: ${plain(verdict.reason)}`
            : verdict.gate === "stopped"
              ? `\n  → ${plain(verdict.remedy)}`
              : "";
    return `${mark}**${level}** (\`${code}\`):${what}${more}`;
}

function changeItem(change: ObjectChange): string {
    const details = change.details.map(({ sign, words }) => `  - \`${sign}\` ${plain(shortened(words, 300))}`);
    return [plain(headline(change)).replace(/^([+~-]) /, "`$1` "), ...details].join("\n");
}

function lockTable(locks: readonly LockReport[]): string {
    const rows = locks.map(({ relation, stops, heldMs, rows: count, bytes, mode }) => {
        const size = bytes === null ? "" : `${rowsInWords(count ?? -1)}, ${byteSize(bytes)}`;
        return `| ${asCode(relation)} | ${stops} | ${duration(heldMs)} | ${size} | ${mode} |`;
    });
    return ["| Locked | Waits | For | Live size | Lock |", "|---|---|---|---|---|", ...rows].join("\n");
}

function driftPart({ notChecked, changes, managed, entries, stops }: Report["drift"]): string[] {
    if (notChecked !== undefined) return [`> ${plain(notChecked)}`];
    const parts: string[] = [];
    if (changes.length > 0) {
        const shown = (text: string | null) =>
            text === null ? "*not there*" : asCode(shortened(text.replaceAll(/\s+/g, " "), 160));
        const rows = entries
            .filter(({ hand }) => hand === "person")
            .map(({ key, expected, actual }) => `| ${asCode(key)} | ${shown(expected)} | ${shown(actual)} |`);
        parts.push(
            `### Drift${stops ? ": stops" : ""}`,
            "Changed since this tool's last change:",
            list(changes.map(changeItem)),
            details("As it was and as it is", ["| Object | Expected | Actual |", "|---|---|---|", ...rows].join("\n")),
        );
    }
    if (managed.length > 0)
        parts.push(details(`Changed by Supabase itself: ${managed.length}`, list(managed.map(changeItem))));
    return parts;
}

function accessPart({ access }: Report): string[] {
    if (access.length === 0) return [];
    const rows = access.map(({ table, role, before, after }) => {
        const isSame = before.join() === after.join();
        return `| ${asCode(table)} | ${role} | ${before.join(", ") || "nothing"} | ${isSame ? "the same" : `**${after.join(", ") || "nothing"}**`} |`;
    });
    return [details("Who may do what", ["| Table | Role | Before | After |", "|---|---|---|---|", ...rows].join("\n"))];
}

function details(title: string, body: string): string {
    return `<details><summary>${plain(title)}</summary>\n\n${body}\n\n</details>`;
}

function list(items: readonly string[]): string {
    return items.map(item => `- ${item}`).join("\n");
}

function fence(text: string, language: string): string {
    const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
    const mark = "`".repeat(longest + 1);
    return `${mark}${language}\n${text}\n${mark}`;
}

function sentence(text: string): string {
    return `${plain(text.charAt(0).toUpperCase() + text.slice(1))}.`;
}

/** In backticks that the text itself does not end. */
function asCode(text: string): string {
    return text.includes("`") ? `\`\` ${text} \`\`` : `\`${text.replaceAll("|", "\\|")}\``;
}

/** Text that is no markup: names and definitions come from databases. */
function plain(text: string): string {
    return text.replaceAll(/[\\`*_[\]<>|#]/g, "\\$&").replaceAll(/\s*\n\s*/g, " ");
}
