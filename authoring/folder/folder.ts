import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import {
    fileName,
    label,
    type Migration,
    type Part,
    parts,
    readFolderName,
    versionOf,
} from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";

/** A folder `NNNN_slug`, whatever its files hold. */
export type Named = Pick<Migration, "version" | "slug">;

/** The migrations of a sql folder by name alone, in order. Folders that have no migration's name are left out. */
export async function namedIn(sql: string): Promise<Named[]> {
    const entries = await readdir(sql, { withFileTypes: true }).catch(() => {
        throw new UserError(`there is no folder ${sql}: the migrations are in it.`, [
            "run this in the project's folder",
        ]);
    });
    return entries
        .filter(entry => entry.isDirectory())
        .flatMap(({ name }) => readFolderName(name) ?? [])
        .sort((one, other) => (label(one) < label(other) ? -1 : 1));
}

/**
 * Holds the versions to 0001, 0002, … without a gap.
 *
 * @throws UserError that names the first fault, and how a number that two branches took is mended
 */
export function requireOrder(names: readonly Named[]): void {
    for (const [index, each] of names.entries()) {
        const before = names[index - 1];
        if (before?.version === each.version) {
            throw new UserError(`version ${each.version} stands twice: ${before.slug} and ${each.slug}.`, [
                `give the one that is applied nowhere the next number: npm run new -- --renumber ${label(each)}`,
                `or: npm run new -- --renumber ${label(before)}`,
            ]);
        }
        const expected = versionOf(index + 1);
        if (each.version !== expected) {
            throw new UserError(`version ${expected} is missing: the next one is ${label(each)}.`, [
                "bring the missing one back (git log -- sql); where it is on another branch, merge that first",
            ]);
        }
    }
}

/**
 * The one that a person means by its version, its slug, its name or its path.
 *
 * @throws UserError when there is none, or more than one
 */
export function findNamed(names: readonly Named[], wanted: string): Named {
    const word = wanted
        .replace(/\/+$/, "")
        .replace(/^(?:.*\/)?sql\//, "")
        .replace(/\/(?:up|down|verify)\.sql$/, "");
    const found = names.filter(each => [each.version, each.slug, label(each)].includes(word));
    const [one, other] = found;
    if (one && other) {
        throw new UserError(`${wanted} may be ${label(one)} or ${label(other)}.`, ["say which one, by its whole name"]);
    }
    if (one) return one;
    const last = names.at(-1);
    throw new UserError(`there is no migration ${wanted} in sql/.`, [
        last ? `the newest is ${label(last)}` : "make one: npm run new -- add_dataset_tags",
    ]);
}

/** The texts as they are, an empty one where a file is missing: what a person is still at work on. */
export async function readDraft(sql: string, named: Named): Promise<Migration> {
    const read = async (part: Part) => {
        const text = await readFile(join(sql, label(named), `${part}.sql`), "utf8").catch(
            (error: NodeJS.ErrnoException) => {
                if (error.code === "ENOENT") return "";
                throw new UserError(`${fileName(named, part)} cannot be read: ${error.message}`);
            },
        );
        return text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
    };
    const [up = "", down = "", verify = ""] = await Promise.all(parts.map(read));
    return { ...named, up, down, verify };
}
