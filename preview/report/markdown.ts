import type { RootContent } from "mdast";
import { byteSize } from "../../runner/byteSize.ts";
import type { ObjectChange } from "../changes/change.ts";
import { byPersons } from "../drift/drift.ts";
import { rowsInWords } from "../findings/live.ts";
import { duration } from "../findings/locks.ts";
import { type FindingGroup, grouped } from "./group.ts";
import {
    code,
    details,
    emphasis,
    heading,
    html,
    line,
    list,
    markdown,
    paragraph,
    sql,
    strong,
    table,
    type Words,
} from "./markdownNodes.ts";
import { type LockReport, type MigrationReport, type Report, warningsIn } from "./report.ts";
import { archiveWords, notCheckedWords, telling } from "./text.ts";
import { shortened } from "./wrap.ts";

/** GitHub takes 65,536 characters in a comment; whoever posts it may add some. In bytes, which are never fewer. */
const mostBytes = 60_000;

/** How much of each kind is shown, and what to say of the rest. */
interface Fullness {
    readonly leftOut: string;
    readonly sql: boolean;
    /** Rows of drift and of who may do what, locks and changes of one migration. */
    readonly rows: number;
    /** Findings of one kind. */
    readonly alike: number;
    /** False: only what stops. */
    readonly allFindings: boolean;
    readonly migrations: number;
}

const everything: Fullness = {
    leftOut: "",
    sql: true,
    rows: Infinity,
    alike: Infinity,
    allFindings: true,
    migrations: Infinity,
};

/** From everything to the least, the most important kept the longest: what stops the run. */
const steps: readonly Fullness[] = [
    everything,
    { ...everything, sql: false, leftOut: "the SQL of the resulting change" },
    { ...everything, sql: false, rows: 12, alike: 6, leftOut: "SQL, and of long lists all but the beginning" },
    {
        sql: false,
        rows: 3,
        alike: 3,
        allFindings: false,
        migrations: 40,
        leftOut: "SQL, findings that do not stop the run, and of lists all but the beginning",
    },
    {
        sql: false,
        rows: 0,
        alike: 1,
        allFindings: false,
        migrations: 20,
        leftOut: "all but the first migrations and one finding of each kind that stops the run",
    },
];

/** The first line of report.md, by which a later run finds its comment and writes it anew. */
export function markerOf(stack: string): string {
    return `<!-- simulation-db preview of ${stack.replaceAll(/[^\w./]+/g, "_")} -->`;
}

/** The report as a comment of a pull request: with all that fits. */
export function markdownOf(report: Report): string {
    for (const fullness of steps) {
        const text = written(report, fullness);
        if (Buffer.byteLength(text) <= mostBytes) return text;
    }
    const markerAndHeading = written(report, everything).split("\n\n", 2).join("\n\n");
    return `${markerAndHeading}\n\nToo much for a comment: report.html has all of it.\n`;
}

function written(report: Report, fullness: Fullness): string {
    const { stack, proof, pending, rollbacks, drift, stopped, target, madeAt } = report;
    const migrations = [...rollbacks, ...pending].sort((one, other) => Number(stops(other)) - Number(stops(one)));
    // In their order, unless some have to be left out.
    const shown = migrations.length <= fullness.migrations ? [...rollbacks, ...pending] : migrations;
    const left = migrations.length - fullness.migrations;
    const footer = `Resulting changes, not the statements that will run. Times are estimates from live sizes. PostgreSQL ${target.serverVersion}, ${madeAt}.`;
    return markdown([
        html(markerOf(stack)),
        heading(2, "Database preview of ", code(stack), `: ${stopped ? "stopped" : verdict(report)}`),
        paragraph(proof.verified ? sentence(proof.words) : strong(proof.words)),
        ...(fullness.leftOut
            ? [
                  paragraph(
                      strong("Shortened for a comment."),
                      ` Left out: ${fullness.leftOut}. report.html has all of it.`,
                  ),
              ]
            : []),
        ...(proof.notes.length > 0 && migrations.length > 0 ? [list(proof.notes.map(words => ({ words })))] : []),
        ...warningsIn(report).map(words => paragraph(strong("Warning:"), ` ${words}`)),
        ...driftPart(drift, fullness),
        ...shown.slice(0, fullness.migrations).flatMap(each => migrationPart(each, fullness)),
        ...(left > 0 ? [paragraph(`… and ${left} more migrations.`)] : []),
        ...accessPart(report, fullness),
        paragraph(emphasis(footer)),
    ]);
}

function stops({ findings }: MigrationReport): boolean {
    return findings.some(({ verdict }) => verdict.gate === "stopped");
}

function verdict({ pending, rollbacks, drift }: Report): string {
    if (pending.length + rollbacks.length === 0) return drift.changes.length > 0 ? "drift" : "nothing to do";
    const counts = [
        pending.length > 0 ? `${pending.length} to apply` : "",
        rollbacks.length > 0 ? `${rollbacks.length} to roll back` : "",
    ];
    return counts.filter(Boolean).join(", ");
}

function migrationPart(report: MigrationReport, fullness: Fullness): RootContent[] {
    const { name, direction, summary, changes, reversal, archives, tried, transactional } = report;
    const findings = report.findings.filter(({ verdict }) => fullness.allFindings || verdict.gate === "stopped");
    const locks = telling(report.locks);
    const ddl = changes.flatMap(change => change.ddl);
    const nothing = report.findings.length > 0 ? "No finding stops it." : "No findings.";
    return [
        heading(3, direction === "up" ? "" : "Rollback of ", code(name), tried ? "" : " (not verified)"),
        ...(summary ? [paragraph(shortened(summary, 500))] : []),
        findings.length > 0
            ? list(grouped(findings).map(group => findingItem(group, fullness.alike)))
            : paragraph(nothing),
        ...(changes.length > 0 && fullness.rows > 0
            ? [paragraph("Becomes:"), list(limited(changes.map(changeItem), fullness.rows, words => ({ words })))]
            : []),
        ...(locks.length > 0 && fullness.rows > 0
            ? [
                  table(
                      ["Locked", "Waits", "For", "Live size", "Lock"],
                      limited(locks.map(lockRow), fullness.rows, words => [words]),
                  ),
              ]
            : []),
        ...(transactional ? [] : [paragraph("Its statements run one by one, beside the traffic.")]),
        ...(archives.length > 0 ? [paragraph(sentence(shortened(archiveWords(report), 1000)))] : []),
        ...(reversal ? [paragraph(sentence(`Way back: ${shortened(reversal, 500)}`))] : []),
        ...(tried || !fullness.sql
            ? []
            : details("Its statements", sql(report.statements.map(({ text }) => `${text};`).join("\n")))),
        ...(ddl.length > 0 && fullness.sql ? details("Resulting change as SQL", sql(ddl.join("\n"))) : []),
    ];
}

interface Item {
    readonly words: Words;
    readonly below?: readonly Words[];
}

function findingItem({ first: { level, verdict, code: kind }, all }: FindingGroup, most: number): Item {
    const mark =
        verdict.gate === "stopped"
            ? ["🛑 ", strong("stops"), ", "]
            : verdict.gate === "allowed"
              ? ["✅ allowed, "]
              : [];
    const said = limited(
        all.map(({ object, words, place }) => {
            const where = place === undefined ? [] : [" (", code(`${place.file}:${place.line}`), ")"];
            return line(code(object), ` ${shortened(words, 400)}`, ...where);
        }),
        most,
        words => line(words),
    );
    const [only] = said.length === 1 ? said : [];
    const after =
        verdict.gate === "allowed"
            ? [`Allowed: ${verdict.reason}`]
            : verdict.gate === "stopped"
              ? [`→ ${verdict.remedy}`]
              : [];
    return {
        words: line(...mark, strong(level), " (", code(kind), "):", ...(only ? [" ", only] : [])),
        below: [...(only ? [] : said), ...after],
    };
}

function changeItem({ sign, object, summary, details: more }: ObjectChange): Item {
    const signed = (mark: string, words: string) => line(code(mark), ` ${shortened(words, 300)}`);
    return {
        words: signed(sign, summary ? `${object}: ${summary}` : object),
        below: limited(
            more.map(({ sign: mark, words }) => signed(mark, words)),
            60,
            words => line(words),
        ),
    };
}

function lockRow({ relation, stops: waits, heldMs, rows: count, bytes, mode }: LockReport): Words[] {
    const size = bytes === null ? "" : `${rowsInWords(count ?? -1)}, ${byteSize(bytes)}`;
    return [code(relation), waits, duration(heldMs), size, mode];
}

function driftPart(drift: Report["drift"], { rows }: Fullness) {
    const { notChecked, bucketNotChecked, changes, managed, stops: isStopped } = drift;
    const shown = (text: string | null) => (text === null ? emphasis("not there") : code(shortened(text, 160)));
    const aspects = byPersons(drift).map(({ key, expected, actual }): Words[] => [
        code(key),
        shown(expected),
        shown(actual),
    ]);
    const changed = (all: readonly ObjectChange[]) => list(limited(all.map(changeItem), rows, words => ({ words })));
    return [
        ...(notChecked === undefined ? [] : [paragraph(strong(sentence(notCheckedWords(notChecked))))]),
        ...(bucketNotChecked === undefined ? [] : [paragraph(sentence(bucketNotChecked))]),
        ...(changes.length > 0
            ? [
                  heading(3, `Drift${isStopped ? ": stops" : ""}`),
                  paragraph(`Changed since this tool's last change: ${changes.length}`),
                  ...(rows > 0
                      ? [
                            changed(changes),
                            ...details(
                                "As it was and as it is",
                                table(
                                    ["Object", "Expected", "Actual"],
                                    limited(aspects, rows, words => [words]),
                                ),
                            ),
                        ]
                      : []),
              ]
            : []),
        ...(managed.length > 0 && rows > 0
            ? details(`Changed by Supabase itself: ${managed.length}`, changed(managed))
            : []),
    ];
}

function accessPart({ access }: Report, { rows }: Fullness): RootContent[] {
    if (access.length === 0 || rows === 0) return [];
    // What changes first, when not all of it fits.
    const isSame = ({ before, after }: Report["access"][number]) => before.join() === after.join();
    const inOrder =
        access.length > rows ? [...access].sort((one, other) => Number(isSame(one)) - Number(isSame(other))) : access;
    const cells = inOrder.map((each): Words[] => [
        code(each.table),
        each.role,
        each.before.join(", ") || "nothing",
        isSame(each) ? "the same" : strong(each.after.join(", ") || "nothing"),
    ]);
    return details(
        "Who may do what",
        table(
            ["Table", "Role", "Before", "After"],
            limited(cells, rows, words => [words]),
        ),
    );
}

/** The first ones, and how many there are beside them. */
function limited<T>(items: readonly T[], most: number, rest: (words: string) => T): T[] {
    return items.length > most + 1 ? [...items.slice(0, most), rest(`… and ${items.length - most} more`)] : [...items];
}

function sentence(text: string): string {
    return `${text.charAt(0).toUpperCase() + text.slice(1)}.`;
}
