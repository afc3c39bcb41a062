import { type Finding, note } from "./finding.ts";
import type { Scene } from "./scene.ts";

/** What stops nobody, and what code outside of the database has to follow. */
export function noteFindings({ trial, comparison }: Scene): Finding[] {
    const renames = trial.statements.flatMap(({ renamed, place }) =>
        renamed.map(({ kind, from, to }): Finding =>
            note(`${kind}-renamed`, from, `is named ${to} now: code that says the old name fails`, place),
        ),
    );
    const rest = comparison.changed.flatMap(({ kind, key, object, part, before, after }): Finding[] => {
        if (kind === "relation" && after === null && /^(view|materialized view) /.test(key)) {
            return [note("view-dropped", object, "is dropped: code that reads it fails")];
        }
        if (kind === "object" && key.startsWith("function ") && after === null) {
            return [note("function-dropped", key, "is dropped: code that calls it fails")];
        }
        const hasTable = [...["table", "partitioned table"]].some(type => comparison.after.has(`${type} ${object}`));
        if (
            kind === "constraint" &&
            after === null &&
            before !== null &&
            hasTable &&
            !isRenamed("constraint", before, object, part)
        ) {
            const columnsStay = [...comparison.changed].every(
                one => one.kind !== "column" || one.object !== object || one.after !== null,
            );
            return columnsStay
                ? [
                      note(
                          "constraint-dropped",
                          `${object}`,
                          `constraint ${part} goes: values that it refused can come in`,
                      ),
                  ]
                : [];
        }
        if (kind === "trigger" && after === null && hasTable && !isRenamed("trigger", before ?? "", object, part)) {
            return [note("trigger-dropped", object, `trigger ${part} goes, and what it did`)];
        }
        if (kind === "trigger" && before?.endsWith(", enabled O") && after?.endsWith(", enabled D")) {
            return [note("trigger-disabled", object, `trigger ${part} is switched off`)];
        }
        return [];
    });
    return [...renames, ...rest];

    /** The same under another name. */
    function isRenamed(kind: "constraint" | "trigger", definition: string, object: string, name = ""): boolean {
        return comparison.changed.some(
            one =>
                one.kind === kind &&
                one.object === object &&
                one.before === null &&
                one.after?.replaceAll(` ${one.part} `, " ") === definition.replaceAll(` ${name} `, " "),
        );
    }
}
