import { rename } from "node:fs/promises";
import { join } from "node:path";
import { label, versionOf } from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";
import { findNamed, namedIn, type Named, requireOrder } from "./folder.ts";

/** A migration that was given another number. */
export interface Renumbered {
    readonly from: Named;
    readonly to: Named;
    /** Those that came after it, and now come before. */
    readonly over: readonly Named[];
}

/**
 * Gives migrations the numbers after all others, in the order in which they are named: for when two branches took the
 * same ones. The others must be without a gap then.
 *
 * @throws UserError when a name is not known or means several, or when the others are not in order
 */
export async function renumber(sql: string, wanted: readonly string[]): Promise<Renumbered[]> {
    const names = await namedIn(sql);
    const moved = wanted.map(word => findNamed(names, word));
    const repeated = moved.find((each, index) => moved.indexOf(each) !== index);
    if (repeated) throw new UserError(`${label(repeated)} is named twice.`);
    const others = names.filter(each => !moved.includes(each));
    requireOrder(others);
    const renumbered = moved
        .map((from, index) => ({
            from,
            to: { ...from, version: versionOf(others.length + 1 + index) },
            over: others.filter(other => other.version > from.version),
        }))
        .filter(({ from, to }) => from.version !== to.version);
    for (const { from, to } of renumbered) {
        await rename(join(sql, label(from)), join(sql, label(to)));
    }
    return renumbered;
}
