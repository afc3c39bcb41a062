import { changesOf, type ObjectChange } from "../changes/change.ts";
import { compare } from "../changes/comparison.ts";
import { relationKind } from "../changes/relationChange.ts";
import type { Drift } from "../drift/drift.ts";
import { findingsByText, findingsOf, type Told } from "../findings/findings.ts";
import { modeInWords } from "../findings/locks.ts";
import { renamesIn } from "../findings/names.ts";
import type { FindingSettings } from "../findings/scene.ts";
import { type GateSettings, judge, type JudgedFinding } from "../gates.ts";
import { label, type Migration, summary } from "../../runner/migration/migration.ts";
import { ranToItsEnd } from "../trial/ended.ts";
import type { Archived, Proof, Trial } from "../trial/observation.ts";
import type { Rehearsal } from "../trial/rehearsal.ts";
import { accessOf, type Access } from "./access.ts";
import { type Diagram, diagramOf } from "./diagram.ts";
import { redacted } from "./redact.ts";

/** What a preview has to say, in the form that all its outputs are made from. Its JSON is report.json. */
export interface Report {
    /** Of this form: it changes when a reader of report.json would notice. */
    readonly format: 1;
    readonly stack: string;
    /** ISO 8601 */
    readonly madeAt: string;
    readonly target: { readonly identity: string; readonly serverVersion: string; readonly catalogHash: string };
    readonly proof: Proof;
    /** Whether a gate is closed. */
    readonly stopped: boolean;
    /** Rolled back before anything is applied, newest first. */
    readonly rollbacks: readonly MigrationReport[];
    /** Applied, in this order. */
    readonly pending: readonly MigrationReport[];
    readonly drift: Drift & { readonly stops: boolean };
    readonly warnings: Warnings;
    /** Who may do what on the tables that change, before and after all of it. */
    readonly access: readonly Access[];
    readonly diagram: Diagram;
}

/** What a person should know and that stops nothing. */
export interface Warnings {
    /** The ledger is not as the stack's last full run left it, and the engine would not notice. */
    readonly ledger: readonly string[];
    readonly others: readonly string[];
}

/** All of them, what matters most first. */
export function warningsIn({ warnings: { ledger, others } }: Pick<Report, "warnings">): string[] {
    return [...ledger, ...others];
}

export interface MigrationReport {
    readonly version: string;
    readonly name: string;
    readonly direction: "up" | "down";
    readonly summary: string;
    /** False: read from its text only. */
    readonly tried: boolean;
    readonly findings: readonly JudgedFinding[];
    /** The resulting change; never the statements that will be run. */
    readonly changes: readonly ObjectChange[];
    readonly locks: readonly LockReport[];
    /** False: its statements run on their own, and what they lock was not observed. */
    readonly transactional: boolean;
    readonly reversal: string;
    readonly archives: readonly (Archived & { readonly rows: number | null; readonly bytes: number | null })[];
    readonly statements: readonly { readonly line: number; readonly text: string }[];
}

/** The strongest lock on one relation of the target. Times are estimates from its live size. */
export interface LockReport {
    readonly relation: string;
    readonly mode: string;
    readonly stops: "reads and writes" | "writes" | "nothing";
    readonly heldMs: number;
    readonly file: string;
    readonly line: number;
    readonly rows: number | null;
    readonly bytes: number | null;
    readonly work: readonly string[];
}

export interface ReportSource {
    readonly stack: string;
    readonly rehearsal: Rehearsal;
    /** In the order of their application. */
    readonly pending: readonly Migration[];
    /** Newest first. */
    readonly toRollBack: readonly Migration[];
    readonly drift: Drift;
    readonly warnings?: Warnings;
    readonly settings: FindingSettings;
    readonly gates: GateSettings;
    readonly now?: Date;
}

/** Puts the report together: looks at every trial with all rules and holds what they find against the gates. */
export async function reportOf(source: ReportSource): Promise<Report> {
    const { stack, rehearsal, pending, toRollBack, drift, gates, now = new Date() } = source;
    const { warnings = { ledger: [], others: [] } } = source;
    const { look, proof, up, down } = rehearsal;
    const rollbacks = await Promise.all(toRollBack.map(migration => migrationReport(migration, "down", source)));
    const applied = await Promise.all(pending.map(migration => migrationReport(migration, "up", source)));
    const reports = [...rollbacks, ...applied];
    const driftStops = gates.drift === "stop" && drift.changes.length > 0;
    const trials = [...down, ...up];
    const { before, after } = compare(
        trials[0]?.before ?? look.catalog,
        trials.at(-1)?.after ?? look.catalog,
        renamesIn(trials.filter(({ failure }) => !failure)),
    );
    // What got another name later on is there under that one.
    const isThere = (name: string) => [before, after].some(catalog => relationKind(catalog, name) !== undefined);
    const touched = new Set(
        reports.flatMap(({ changes }) => changes.flatMap(({ object }) => tableName(object))).filter(isThere),
    );
    const report: Report = {
        format: 1,
        stack,
        madeAt: now.toISOString(),
        target: { identity: look.identity, serverVersion: look.serverVersion, catalogHash: look.catalogHash },
        proof,
        stopped:
            driftStops || reports.some(({ findings }) => findings.some(({ verdict }) => verdict.gate === "stopped")),
        rollbacks,
        pending: applied,
        drift: { ...drift, stops: driftStops },
        warnings,
        access: accessOf(before, after, touched),
        diagram: diagramOf(before, after, touched),
    };
    return redacted(report);
}

async function migrationReport(
    migration: Migration,
    direction: "up" | "down",
    { rehearsal, settings, gates }: ReportSource,
): Promise<MigrationReport> {
    const { look, violations = [] } = rehearsal;
    const trial = rehearsal[direction].find(({ version }) => version === migration.version);
    // What was rolled back went first. What has failed has changed no name.
    const ran = [...rehearsal.down, ...(direction === "up" ? rehearsal.up : [])];
    const earlier = ran.slice(0, trial ? ran.indexOf(trial) : ran.length).filter(({ failure }) => !failure);
    const told = trial
        ? await findingsOf(migration, trial, look, settings, { violations, earlier })
        : await untold(migration, direction, rehearsal, settings, earlier);
    const { scene, locks } = told;
    return {
        version: migration.version,
        name: label(migration),
        direction,
        summary: summary(migration),
        tried: trial !== undefined && (trial.failure === undefined || trial.failure.cause === "migration"),
        findings: judge(told.findings, { ...scene, trial: { part: direction } }, gates),
        changes: changesOf(scene.comparison),
        locks: locks
            .flatMap(lock => (lock.earlier ? [lock, lock.earlier] : [lock]))
            .map(({ relation, mode, stops, heldMs, place, size, work }) => ({
                relation,
                mode: modeInWords(mode),
                stops,
                heldMs: Math.round(heldMs),
                file: place.file,
                line: place.line,
                rows: size === undefined || size.rows < 0 ? null : size.rows,
                bytes: size?.bytes ?? null,
                work: [...new Set(work.map(({ table, words }) => `${table} is ${words}`))],
            })),
        transactional: scene.directives.transactional,
        reversal: direction === "up" ? reversalInWords(trial, scene.directives.irreversible) : "",
        archives: (trial?.archives ?? []).map(archived => {
            const size = look.tables.get(archived.table);
            return { ...archived, rows: size && size.rows >= 0 ? size.rows : null, bytes: size?.bytes ?? null };
        }),
        statements: scene.trial.statements.map(({ place }) => ({ line: place.line, text: place.statement })),
    };
}

/** Of a migration that was not tried: nothing could be, or one before it failed. */
async function untold(
    migration: Migration,
    direction: "up" | "down",
    rehearsal: Rehearsal,
    settings: FindingSettings,
    earlier: readonly Trial[],
): Promise<Told> {
    const { look, proof } = rehearsal;
    const failed = [...rehearsal.down, ...rehearsal.up].find(trial => !ranToItsEnd(trial));
    const why = failed ? `${label(failed)} comes before it and did not run to its end` : proof.words;
    return await findingsByText(migration, look, settings, why, { part: direction, earlier });
}

function reversalInWords(trial: Trial | undefined, irreversible: string | undefined): string {
    const { reversal } = trial ?? {};
    if (irreversible !== undefined) return `there is no way back, as declared: ${irreversible}`;
    if (reversal === undefined) return "whether down restores the catalog is not known";
    switch (reversal.verdict) {
        case "restored":
            return "down restores the catalog exactly";
        case "restored except column order":
            return "down restores the catalog except the order of columns, as declared";
        case "restored except what is declared":
            return `down restores the catalog except what is declared: ${reversal.declared.join(", ")}`;
        case "differs":
            return "down does not restore the catalog, see the findings";
        case "declared irreversible":
            return "there is no way back, as declared";
        case "not tried":
            return `down fails: ${reversal.failure?.message ?? "it was not tried"}`;
    }
}

function tableName(object: string): string[] {
    const name = /^(?:table|partitioned table) (.*)$/.exec(object)?.[1];
    return name === undefined ? [] : [name];
}
