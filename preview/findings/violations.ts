import type { Trial } from "../trial/observation.ts";
import type { Violation } from "../violations/count.ts";
import { type Finding, note, placed } from "./finding.ts";
import { shortNumber } from "./live.ts";

/** Rows of the target that are not as the migration wants them: those that make it fail stop the preview. */
export function violationFindings(
    violations: readonly Violation[],
    { version, part }: Pick<Trial, "version" | "part">,
): Finding[] {
    return violations
        .filter(violation => violation.version === version && violation.part === part)
        .flatMap(({ object, definition, place, validated, settled, count }): Finding[] => {
            if ("why" in count) {
                const words = `how many rows violate ${definition} was not counted: ${count.why}`;
                return validated ? [note("rows-not-counted", object, words, place)] : [];
            }
            if (count.rows === 0) return [];
            const rows = `${shortNumber(count.rows)} row${count.rows === 1 ? "" : "s"} of the target`;
            const verb = count.rows === 1 ? "violates" : "violate";
            if (!validated) {
                const words = `${rows} ${verb} ${definition}: it is not validated, so they stay, and can only be changed to what fits`;
                return [note("rows-violate", object, words, place)];
            }
            if (!settled) {
                const mended = part === "up" ? "what is pending mends them" : "archive-rows or down takes them out";
                const words = `${rows} ${verb} ${definition} now: it fails unless ${mended} first`;
                return [note("rows-violate", object, words, place)];
            }
            const words = `${rows} ${verb} ${definition}, so PostgreSQL will refuse it`;
            return [{ code: "rows-violate", level: "failing", object, ...placed(place), words, stops: true }];
        });
}

/**
 * Columns that up drops and down gives back `not null`, but without a value, while the table has rows.
 *
 * @param declared why there is no way back, where the migration says so
 */
export function wayBackFindings(
    violations: readonly Violation[],
    { version, part }: Pick<Trial, "version" | "part">,
    declared: string | undefined,
): Finding[] {
    return violations
        .filter(violation => part === "up" && violation.part === "way back" && violation.version === version)
        .flatMap(({ object, place, settled, count }): Finding[] => {
            if ("why" in count) {
                const words = `whether rows are there, which would make the rollback fail, was not counted: ${count.why}`;
                return [note("rows-not-counted", object, words, place)];
            }
            if (count.rows === 0) return [];
            const rows = `${shortNumber(count.rows)} row${count.rows === 1 ? " is" : "s are"} there`;
            const column = "the column comes back not null and without a value";
            if (!settled) {
                const words = `the rollback fails where a row is left by then: ${column}, and ${rows} now`;
                return [note("down-fails", object, words, place)];
            }
            const words = `the rollback would fail: ${column}, and ${rows}`;
            return [
                {
                    code: "down-fails",
                    level: "failing",
                    object,
                    ...placed(place),
                    words,
                    stops: declared === undefined,
                },
            ];
        });
}
