import { allowedKinds, type AllowedKind } from "../runner/migration/directives.ts";
import { fileName } from "../runner/migration/migration.ts";
import { type Finding, type Level, note } from "./findings/finding.ts";
import type { Scene } from "./findings/scene.ts";

/** What a stack lets pass. Everything here can only be made stricter than the default. */
export interface GateSettings {
    /** "strict": no directive of a migration opens a gate. */
    readonly gates: "default" | "strict";
    /** Whether a change that no shadow has proven stops. */
    readonly requireVerified: boolean;
    /** What a difference between the target and the ledger's last snapshot does. */
    readonly drift: "warn" | "stop";
}

/** What the gates make of one finding. */
export type Verdict =
    | { readonly gate: "open" }
    /** It would stop, and the migration says why it may not. */
    | { readonly gate: "allowed"; readonly reason: string }
    /** @param remedy what a person can do about it */
    | { readonly gate: "stopped"; readonly remedy: string };

export interface JudgedFinding extends Finding {
    readonly verdict: Verdict;
}

/**
 * Holds the findings of a migration against its directives. An allow that allows nothing is a finding by itself: it would
 * let the next one through unseen.
 *
 * A rollback is never stopped for what it takes away: it is the way out, its files may be gone, and its rows are archived.
 */
export function judge(
    findings: readonly Finding[],
    {
        migration,
        directives,
        trial,
    }: Pick<Scene, "migration" | "directives"> & { readonly trial: { readonly part: "up" | "down" } },
    { gates, requireVerified }: GateSettings,
): JudgedFinding[] {
    const file = fileName(migration, "up");
    const judged = findings.map((finding): JudgedFinding => ({ ...finding, verdict: verdictOf(finding) }));
    if (trial.part === "down") return judged;
    const unneeded = allowedKinds.filter(
        kind =>
            directives.allowed?.[kind] !== undefined && !findings.some(({ level, stops }) => level === kind && stops),
    );
    return [
        ...judged,
        ...unneeded.map(kind => ({
            ...note(
                "unneeded-allow",
                `-- allow-${kind}`,
                `allows nothing: there is no such finding, so take it out of ${file}`,
            ),
            verdict: { gate: "open" } as const,
        })),
    ];

    function verdictOf({ level, stops }: Finding): Verdict {
        if (level === "unverified" && requireVerified && trial.part === "up") {
            return {
                gate: "stopped",
                remedy: "this stack applies only what a shadow has proven and a person has read (requireVerified)",
            };
        }
        if (trial.part === "down" && level !== "failing") return { gate: "open" };
        const reason = isAllowable(level) ? directives.allowed?.[level] : undefined;
        if (!stops || (reason !== undefined && gates === "default")) {
            return stops && reason !== undefined ? { gate: "allowed", reason } : { gate: "open" };
        }
        const remedy = trial.part === "down" ? wayOut : remedyFor(level, file, reason !== undefined);
        return { gate: "stopped", remedy };
    }
}

/** Of a rollback that would be refused: its up has run and cannot be changed any more. */
const wayOut =
    "mend its down.sql (where its folder is gone, bring that back), or write a new migration that goes forward";

function isAllowable(level: Level): level is AllowedKind {
    return (allowedKinds as readonly Level[]).includes(level);
}

function remedyFor(level: Level, file: string, isOverruled: boolean): string {
    if (isOverruled) return `this stack opens no gate for a directive (gates: strict): change the migration`;
    if (isAllowable(level)) return `change it, or say why at the head of ${file}: -- allow-${level}: reason`;
    if (level === "irreversible")
        return `mend down.sql, or declare there what it cannot restore: "-- not-restored: name"; or in up.sql that there is no way back: "-- irreversible: reason"`;
    return `mend ${file} or its down.sql`;
}
