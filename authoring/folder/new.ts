import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileName, label, parts, slugForm, versionOf } from "../../runner/migration/migration.ts";
import { UserError } from "../../runner/userError.ts";
import { draftOf } from "./draft.ts";
import { namedIn, type Named, requireOrder } from "./folder.ts";

/**
 * Makes the folder and the three files of the next migration.
 *
 * @throws UserError for a name that is none, or that another migration has, and for a folder with a gap
 */
export async function makeNew(sql: string, slug: string): Promise<Named> {
    requireSlug(slug);
    const names = await namedIn(sql);
    requireOrder(names);
    const taken = names.find(each => each.slug === slug);
    if (taken) {
        throw new UserError(
            `${label(taken)} has this name already: two of the same name would be taken for each other.`,
            [`say what is different about the new one, for example ${slug}_again`],
        );
    }
    const made = { version: versionOf(names.length + 1), slug };
    await mkdir(join(sql, label(made))).catch((error: NodeJS.ErrnoException) => {
        throw new UserError(`sql/${label(made)} cannot be made: ${error.message}`);
    });
    for (const part of parts) await writeFile(join(sql, label(made), `${part}.sql`), draftOf(part), { flag: "wx" });
    return made;
}

function requireSlug(slug: string): void {
    const carriesNumber = /^\d{4}_/.test(slug);
    if (slugForm.test(slug) && !carriesNumber && slug.length <= 60) return;
    const better = slug
        .replace(/^\d{4}_/, "")
        .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
        .toLowerCase()
        .replaceAll(/[^a-z0-9]+/g, "_")
        .replaceAll(/^_+|_+$/g, "")
        .slice(0, 60);
    throw new UserError(
        `"${slug}" cannot be the name of a migration: lowercase letters and digits, words parted by _, at most 60 characters.`,
        [`npm run new -- ${slugForm.test(better) ? better : "add_dataset_tags"}`],
    );
}

/** What to do with it. */
export function nextSteps(made: Named): string[] {
    const steps = [
        [`edit ${fileName(made, "up")}`, "what it does; the rules are in sql/CONVENTIONS.md"],
        ["npm run propose-down", "has the other two written, for you to edit"],
        ["npm run check:sql", "what can be known of it before anybody sees it"],
        ["npm run preview", "what it would do to the database"],
    ] as const;
    const width = Math.max(...steps.map(([step]) => step.length));
    return ["Next:", ...steps.map(([step, use]) => `    ${step.padEnd(width)}   ${use}`)];
}
