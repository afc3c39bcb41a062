import { lastPart, tableOfColumn } from "../../preview/changes/aspect.ts";
import type { Renamed } from "../../preview/trial/observation.ts";
import type { Statement } from "../../runner/migration/statements.ts";
import { tokensOf } from "../conventions/tokens.ts";

/** A statement that gives something another name or schema, and does nothing else. */
export function isRename({ kind, tree }: Pick<Statement, "kind" | "tree">): boolean {
    const renamesValue = kind === "AlterEnumStmt" && tree.oldVal !== undefined;
    return kind === "RenameStmt" || kind === "AlterObjectSchemaStmt" || renamesValue;
}

/**
 * The statement with the two names the other way round.
 *
 * @returns undefined where the old one is not in the text: the schema of a name without one
 */
export async function inverseOfRename({ text, kind }: Statement): Promise<string | undefined> {
    const tokens = (await tokensOf(text)).filter(token => token.kind !== "comment" && token.text !== ";");
    const words = tokens.map(token => token.text);
    const places =
        kind === "AlterObjectSchemaStmt" ? schemaPlaces(words) : namePlaces(words.map(word => word.toLowerCase()));
    if (!places) return undefined;
    const [before, after] = places;
    return joined(words.with(before, words[after] ?? "").with(after, words[before] ?? ""));
}

/** Word by word, since a name or a value in quotes may hold any sign. */
function joined(words: readonly string[]): string {
    return words.reduce((text, word, index) => {
        const isTight = [".", "("].includes(words[index - 1] ?? ".") || [".", ",", "(", ")"].includes(word);
        return `${text}${isTight ? "" : " "}${word}`;
    }, "");
}

/** `alter table b.a set schema c`: what stands before the first dot, and at the end. */
function schemaPlaces(words: readonly string[]): [number, number] | undefined {
    const dot = words.indexOf(".");
    return dot < 0 ? undefined : [dot - 1, words.lastIndexOf("schema") + 1 || words.length - 1];
}

/** Where the name before and the one after stand. */
function namePlaces(words: readonly string[]): [number, number] {
    const to = words.lastIndexOf("to");
    const rename = words.lastIndexOf("rename", to);
    // `… rename column a to b`
    if (to > rename + 1) return [to - 1, to + 1];
    // `alter policy a on c.d rename to b`
    if (["policy", "trigger", "rule"].includes(words[1] ?? "")) return [2, to + 1];
    // `alter table c.a rename to b`, `alter function c.a(integer) rename to b`
    const open = words.indexOf("(");
    return [(open > 0 && open < rename ? open : rename) - 1, to + 1];
}

/** Undoes what was renamed inside of a `do` or a function, the last first. */
export function inverseOfRenamed(renamed: readonly Renamed[]): string[] {
    return [...renamed].reverse().map(({ kind, from, to }) => {
        if (kind === "table") return `alter table ${to} rename to ${lastPart(from)}`;
        return `alter table ${tableOfColumn(to)} rename column ${lastPart(to)} to ${lastPart(from)}`;
    });
}
