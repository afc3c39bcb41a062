import { fileName, label, parts } from "../../runner/migration/migration.ts";
import { print } from "../../runner/output.ts";
import { UserError } from "../../runner/userError.ts";
import { makeNew, nextSteps } from "./new.ts";
import { renumber } from "./renumber.ts";

/** Where the migrations are, from the project's folder. */
const sql = "sql";

export interface NewOptions {
    readonly renumber?: readonly string[];
}

/** `new`: a folder for the next migration; or other numbers for those that are there. */
export async function makeMigration(slug: string | undefined, options: NewOptions): Promise<void> {
    if (options.renumber) return await giveNumbers(options.renumber);
    if (slug === undefined) throw new UserError("what is the migration about?", ["npm run new -- add_dataset_tags"]);
    const made = await makeNew(sql, slug);
    for (const part of parts) print(fileName(made, part));
    print("");
    for (const line of nextSteps(made)) print(line);
}

async function giveNumbers(names: readonly string[]): Promise<void> {
    const renumbered = await renumber(sql, names);
    for (const { from, to } of renumbered) print(`sql/${label(from)} is now sql/${label(to)}`);
    for (const { from, over } of renumbered) {
        if (over.length === 0) continue;
        print(
            `${from.slug} came before ${over.map(label).join(", ")} and now comes after: if one of them needs it, name all of them, in their order`,
        );
    }
    if (renumbered.length === 0) return print("all of them come after all others already");
    print("");
    print(
        "Where one was applied under its old number, in your own dev for example, roll it back there: docs/authoring.md says how.",
    );
}
