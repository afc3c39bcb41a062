import { type Environment, reading } from "../../runner/database/connection.ts";
import { readStatements } from "../../runner/ledger/mirror.ts";
import { label, type Migration } from "../../runner/migration/migration.ts";
import { cutStatements, withoutLeadingComments } from "../../runner/migration/statementTexts.ts";
import type { CheckSettings } from "../check/settings.ts";
import { type Import, importedBefore, type Imported, workOut, write } from "./import.ts";
import { readSupabaseFolder, type SupabaseFile } from "./supabaseFolder.ts";

export interface ImportCase {
    /** The Supabase CLI's. */
    readonly folder: string;
    readonly migrations: readonly Migration[];
    /** How many of these have run on the target, from the first on. */
    readonly ran: number;
    /** The target. */
    readonly environment: Environment;
    readonly settings: CheckSettings;
    readonly print: (line: string) => void;
    readonly say: (line: string) => void;
}

/**
 * Makes migrations of the Supabase CLI's files, and says of each what became of it.
 *
 * @returns undefined when all of them are in the sql folder already
 * @throws UserError when a file cannot be imported as it is; nothing is written then
 */
export async function importFolder({
    folder,
    migrations,
    ran,
    environment,
    settings,
    print,
    say,
}: ImportCase): Promise<Import | undefined> {
    const { files, notes, leftAlone } = await readSupabaseFolder(folder);
    const there = importedBefore(migrations);
    const wanted = files.filter(({ name }) => !there.has(name));
    const ledger = await reading(environment, "adopt", readStatements);

    print(`import      ${files.length} files of ${folder}, ${files.length - wanted.length} of them in sql/ already`);
    if (leftAlone.length > 0) print(`left alone  ${leftAlone.join(", ")}`);
    const made = wanted.length > 0 ? await workOut({ files: wanted, migrations, ran, settings, say }) : undefined;
    if (made) {
        await write("sql", made);
        for (const each of made.imported) print(lineOf(each, ledger));
        for (const line of movedLines(made.moved)) print(line);
    }
    const changed = files.filter(file => !(there.get(file.name)?.up.endsWith(`\n${file.text}`) ?? true));
    for (const note of [
        ...notes,
        ...wanted
            .filter(file => isOtherText(file, ledger))
            .map(
                ({ name }) =>
                    `${name} has other statements than the ledger of the Supabase CLI there: it was edited after it ran; whether that matters, the comparison says`,
            ),
        ...changed.map(({ name }) => `${name} was changed after it was imported: sql/ keeps what it was then`),
        ...withoutFile(ledger, files),
        ...(made?.imported ?? []).flatMap(({ migration, proposal }) =>
            (proposal?.questions ?? []).map(question => `${label(migration)}: ${question}`),
        ),
    ])
        print(`mind: ${note}`);
    print("");
    return made;
}

type Ledger = ReadonlyMap<string, readonly string[] | null>;

function lineOf({ file, migration, irreversible, opened }: Imported, ledger: Ledger): string {
    const ran = ledger.has(file.version) ? "has run there" : "has not run there by the Supabase CLI";
    const down = irreversible === undefined ? "down proposed" : `no down: ${irreversible}`;
    const gates = opened.length > 0 ? `; opens the gate for what is ${opened.join(" and ")}` : "";
    return `sql/${label(migration)} from ${file.name}, ${ran}; ${down}${gates}`;
}

function movedLines(moved: Import["moved"]): string[] {
    const [first, last] = [moved[0], moved.at(-1)];
    if (!first || !last) return [];
    const span = (one: Migration, other: Migration) =>
        one === other ? `sql/${label(one)}` : `sql/${label(one)} to ${label(other)}`;
    return [
        `${span(first.from, last.from)} now come after, as ${first.to.version} to ${last.to.version}: they have not run there. Where one was applied under its old number, in your own dev for example, roll it back there first (npm run destroy, with the old folder)`,
    ];
}

/** As the Supabase CLI cuts them; how they are broken into lines does not count. */
function isOtherText({ version, original }: SupabaseFile, ledger: Ledger): boolean {
    const statements = ledger.get(version);
    if (!statements || statements.length === 0) return false;
    const plain = (text: string) =>
        cutStatements(text).map(each => withoutLeadingComments(each).replaceAll(/\s+/g, " ").trim());
    return plain(statements.join(";\n")).join(";") !== plain(original).join(";");
}

/** What that ledger knows, and the folder does not; our own rows there have four digits. */
function withoutFile(ledger: Ledger, files: readonly SupabaseFile[]): string[] {
    const missing = [...ledger.keys()].filter(
        version => !/^\d{4}$/.test(version) && !files.some(file => file.version === version),
    );
    if (missing.length === 0) return [];
    return [`no file has the version ${missing.join(", ")} of the ledger there: what these made is not in sql/`];
}
