import type { Failure, Reversal } from "../trial/observation.ts";
import { type Finding, placed } from "./finding.ts";
import { readNoWayBack } from "../../runner/migration/directives.ts";
import { fileName, type Migration } from "../../runner/migration/migration.ts";
import type { Scene } from "./scene.ts";

/** What down does not bring back, by name, as the trial of down has shown. */
export function irreversibleFindings({ trial, directives, comparison, migration }: Scene): Finding[] {
    const { reversal } = trial;
    const declared = directives.irreversible;
    const enums = comparison.changed.flatMap(({ key, before, after }) => {
        const more = key.startsWith("type ") && before !== null && after !== null ? newLabels(before, after) : [];
        return more.length > 0 && !isRestored(key, reversal) ? [{ key, more }] : [];
    });
    const findings: Finding[] = enums.map(({ key, more }) => {
        const words = `gets the value ${more.join(", ")}, which no down can take away`;
        const finding = irreversible("enum-value-added", key, words, declared);
        return { ...finding, stops: finding.stops && !reversal?.declared.includes(key) };
    });
    if (declared !== undefined) {
        findings.push({
            ...irreversible("declared-irreversible", fileName(migration, "up"), `no way back: ${declared}`, declared),
            stops: false,
        });
    }
    if (reversal === undefined || reversal.verdict === "declared irreversible") return findings;
    if (reversal.failure) findings.push(failed(reversal.failure, declared));
    const place = { file: fileName(migration, "down"), line: 1 };
    // Of a column that is not as it was, its storage and its place are not either.
    const columns = reversal.differs.flatMap(({ key }) =>
        key.startsWith("column ") && !key.startsWith("column order ") ? key : [],
    );
    const follows = (key: string) =>
        columns.some(
            column =>
                key === `storage of ${column}` || column.startsWith(key.replace("column order of ", "column ") + "."),
        );
    for (const { key, expected, actual } of reversal.differs) {
        if (follows(key)) continue;
        if (enums.some(one => one.key === key)) continue;
        const isOrder = key.startsWith("column order of ");
        const words = isOrder ? "the columns stand in another order after down" : differenceInWords(expected, actual);
        findings.push({
            ...irreversible(isOrder ? "column-order-differs" : "down-differs", key, words, declared),
            place,
        });
    }
    for (const key of reversal.declared) {
        if (enums.some(one => one.key === key)) continue;
        findings.push({
            code: "declared-not-restored",
            level: "note",
            object: key,
            place,
            words: "is not brought back by down, as its directive says",
            stops: false,
        });
    }
    return findings;
}

/** What is to be rolled back and cannot be: the runner refuses it, so this is known without a trial. */
export async function noWayBackFindings(migration: Migration): Promise<Finding[]> {
    const reason = await readNoWayBack(migration);
    if (reason === undefined) return [];
    const words = `cannot be rolled back: ${reason}`;
    return [{ code: "down-fails", level: "failing", object: fileName(migration, "down"), words, stops: true }];
}

function irreversible(code: string, object: string, words: string, declared: string | undefined): Finding {
    return { code, level: "irreversible", object, words, stops: declared === undefined };
}

function failed({ place, message, cause }: Failure, declared: string | undefined): Finding {
    if (cause !== "migration") {
        return {
            code: "down-not-verified",
            level: "unverified",
            object: place.file,
            ...placed(place),
            words: `down could not be tried${cause === "time" ? "" : ", the shadow cannot represent it"}: ${message}`,
            stops: false,
        };
    }
    return {
        code: "down-fails",
        level: "failing",
        object: place.file,
        ...placed(place),
        words: `the rollback would fail: ${message}`,
        stops: declared === undefined,
    };
}

function differenceInWords(expected: string | null, actual: string | null): string {
    if (actual === null) return "is not brought back by down";
    if (expected === null) return "is left behind by down";
    return `is not as before after down: was ${shown(expected)}, is ${shown(actual)}`;
}

/** Whether down was seen to bring it back. */
function isRestored(key: string, reversal: Reversal | undefined): boolean {
    if (reversal === undefined || ["not tried", "declared irreversible"].includes(reversal.verdict)) return false;
    return !reversal.declared.includes(key) && !reversal.differs.some(one => one.key === key);
}

/** Labels of an enum that only the second definition has, where it has more of them: another name is no more. */
function newLabels(before: string, after: string): string[] {
    const labels = (text: string): string[] => /^owner \S+ enum (.*)$/s.exec(text)?.[1]?.match(/'(?:[^']|'')*'/g) ?? [];
    const had = labels(before);
    const has = labels(after);
    return has.length > had.length ? has.filter(label => !had.includes(label)) : [];
}

function shown(definition: string): string {
    const line = definition.replaceAll(/\s+/g, " ");
    return line.length > 120 ? `${line.slice(0, 119)}…` : line;
}
