import { join } from "node:path";
import { shortName } from "../../runner/database/settings.ts";
import { UserError } from "../../runner/userError.ts";
import { previewFolder } from "../folder.ts";
import { writeReport } from "./files.ts";
import { type MigrationReport, type Report, reportOf, type ReportSource, warningsIn } from "./report.ts";
import { briefText, driftText, generalText, migrationText } from "./text.ts";
import { grouped } from "./group.ts";
import { shortened, wrap } from "./wrap.ts";

/** Pending migrations that are shown whole: with more, nobody finds the line that matters. */
const mostInFull = 8;

/** Lines for people, and whether they ask for attention. */
export interface Message {
    readonly severity: "info" | "warn";
    readonly lines: readonly string[];
}

/** What a preview says, and where: the engine shows messages under the resource that they are about. */
export interface Presentation {
    /** By version, for the resource of each pending migration. */
    readonly perVersion: ReadonlyMap<string, Message>;
    /** Of rollbacks, whose resources are no longer in the program: for the component of the chain. */
    readonly rollbacks: readonly Message[];
    /** About the whole: the level of proof, drift, and where the reports are. */
    readonly general: readonly Message[];
    /** When a gate is closed: to be thrown once all of this was said, and before an update changes anything. */
    readonly stop?: UserError;
    /** Paths of the reports. */
    readonly files: readonly string[];
    readonly report: Report;
}

export interface PresentationOptions extends ReportSource {
    /** Where the reports go, below it a folder per stack; default `.local/preview`. */
    readonly folder?: string;
}

/** Makes the report, writes its files, and puts it into words for the engine's output. */
export async function present(options: PresentationOptions): Promise<Presentation> {
    const report = await reportOf(options);
    const files = await writeReport(reportFolder(options.stack, options.folder), report);
    return { ...presentationOf(report, files), report };
}

/** `.local/preview/<stack>`; the stack's name without its project. */
export function reportFolder(stack: string, folder = previewFolder): string {
    return join(folder, shortName(stack).replaceAll(/[^\w.-]/g, "_"));
}

/** The same for a report that is there. */
export function presentationOf(report: Report, files: readonly string[]): Omit<Presentation, "report"> {
    const isLong = report.pending.length > mostInFull;
    const general = [
        ...generalText(report),
        ...(isLong
            ? wrap(
                  `  of ${report.pending.length} pending migrations only what needs a look: see the report`,
                  74,
                  "    ",
              )
            : []),
    ];
    const place = files.find(file => file.endsWith(".md"));
    const needsAttention =
        report.drift.changes.length > 0 || report.drift.notChecked !== undefined || !report.proof.verified;
    const stop = stopOf(report, place);
    return {
        perVersion: new Map(
            report.pending.map(each => [each.version, messageOf(each, isLong ? briefText : migrationText)]),
        ),
        rollbacks: report.rollbacks.map(each => messageOf(each, migrationText)),
        general: [
            ...(general.length > 0 ? [{ severity: needsAttention ? "warn" : "info", lines: general } as const] : []),
            ...(place && isWorthReading(report)
                ? [{ severity: "info", lines: [`report: ${place} (also .html and .json)`] } as const]
                : []),
        ],
        ...(stop ? { stop } : {}),
        files,
    };
}

function isWorthReading(report: Report): boolean {
    const { pending, rollbacks, drift } = report;
    const told = [pending, rollbacks, drift.changes, drift.managed, warningsIn(report)];
    return told.some(({ length }) => length > 0);
}

function messageOf(report: MigrationReport, textOf: (report: MigrationReport) => string[]): Message {
    const isCalm =
        report.tried && report.findings.every(({ level, verdict }) => level === "note" || verdict.gate === "allowed");
    return { severity: isCalm && report.direction === "up" ? "info" : "warn", lines: textOf(report) };
}

/** The error that ends a run with closed gates: what stops it, once more, since the rest may have scrolled away. */
function stopOf(report: Report, place: string | undefined): UserError | undefined {
    if (!report.stopped) return undefined;
    const stopped = [...report.rollbacks, ...report.pending].flatMap(({ name, findings }) =>
        grouped(findings).flatMap(({ first: { level, object, words, verdict, code }, all }) => {
            if (verdict.gate !== "stopped") return [];
            const more = all.length > 1 ? `, and ${all.length - 1} more like it` : "";
            const said = shortened(`${object}: ${words}`, 160);
            return [{ line: `${name}: ${level}  ${said}${more} [${code}]`, remedy: verdict.remedy }];
        }),
    );
    const lines = [
        ...stopped.slice(0, 12).flatMap(({ line }) => wrap(`  ${line}`, 76, "      ")),
        ...(stopped.length > 12 ? [`  … and ${stopped.length - 12} more`] : []),
    ];
    const drift = report.drift.stops ? driftText(report.drift).map(line => `  ${line}`) : [];
    const remedies = [...new Set(stopped.map(({ remedy }) => remedy))];
    return new UserError(`the preview stops this run; nothing was changed:\n${[...lines, ...drift].join("\n")}`, [
        ...remedies.slice(0, 4).map(inColumns),
        ...(report.drift.stops
            ? [
                  inColumns(
                      "bring the database back, or take the changes over with a migration; to go on all the same: set drift to warn in Pulumi.STACK.yaml",
                  ),
              ]
            : []),
        ...(place ? [`the whole report: ${place}`] : []),
    ]);
}

/** A remedy as lines that fit 80 columns, with the arrow and the four blanks that come before it. */
function inColumns(remedy: string): string {
    return wrap(remedy, 72, "    ").join("\n");
}
