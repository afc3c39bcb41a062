import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { readDirectives, readDownDirectives } from "./directives.ts";
import { fileName, type Migration, type Part, partLine, parts, readFolderName, versionOf } from "./migration.ts";
import { requireRunnable } from "./statementRules.ts";
import { UserError } from "../userError.ts";

/**
 * Reads `NNNN_slug/{up,down,verify}.sql`, in order, and checks everything that can be known without a database.
 *
 * @param options.statementsLater leaves the statements to {@link requireStatements}, when all else is in order: to parse
 *     them takes longer the more migrations there are, and of those that are applied as they stand it says nothing new.
 *     Whether they keep to the runner's timeouts is left to it in any case: only it knows which are applied
 * @throws UserError that lists all faults at once: a gap or a repeated version, a missing or empty file, a name that is
 *     no migration's, an unknown directive, a syntax error, a statement that cannot be run here
 */
export async function readMigrations(
    directory: string,
    { statementsLater = false }: { readonly statementsLater?: boolean } = {},
): Promise<Migration[]> {
    const faults: string[] = [];
    const note = noteIn(faults);
    const migrations: Migration[] = [];
    // Also those with faulty files: their version is taken.
    const versions: Pick<Migration, "version" | "slug">[] = [];
    for (const name of await folderNames(directory)) {
        const named = readFolderName(name);
        if (named === undefined) {
            faults.push(`sql/${name} is not the name of a migration: write NNNN_slug, for example 0018_dataset_tags`);
            continue;
        }
        versions.push(named);
        try {
            const migration = readTrio(join(directory, name), named);
            migrations.push(migration);
            await requireSound(migration, statementsLater ? undefined : []);
        } catch (error) {
            note(error);
        }
    }
    faults.push(...orderFaults(versions));

    // All at once, those of the statements too.
    if (faults.length > 0 && statementsLater) return await readMigrations(directory);
    requireNone(faults);
    return migrations;
}

/**
 * Checks the statements of migrations that are about to be run or recorded. An up.sql that is applied cannot be changed any
 * more, so it is not held to the runner's timeouts: that rule may have come later.
 *
 * @param chain.changed applied, with another down or verify than the ledger has
 * @throws UserError that lists all faults at once: a syntax error, a file without a statement, a statement that cannot be
 *     run here
 */
export async function requireStatements({
    pending,
    changed,
}: {
    readonly pending: readonly Migration[];
    readonly changed: readonly Migration[];
}): Promise<void> {
    const faults: string[] = [];
    for (const migration of pending) await requireSound(migration, parts).catch(noteIn(faults));
    for (const migration of changed) await requireSound(migration, ["down", "verify"]).catch(noteIn(faults));
    requireNone(faults);
}

function noteIn(faults: string[]): (error: unknown) => undefined {
    return error => {
        if (!(error instanceof UserError)) throw error;
        faults.push(error.message);
    };
}

function requireNone(faults: readonly string[]): void {
    if (faults.length === 0) return;
    throw new UserError(`the sql folder is not in order:\n${faults.map(fault => `  ${fault}`).join("\n")}`, [
        "sql/CONVENTIONS.md has the rules and an example",
    ]);
}

async function folderNames(directory: string): Promise<string[]> {
    const entries = await readdir(directory, { withFileTypes: true }).catch(() => {
        throw new UserError(`there is no folder ${directory}: the migrations are read from it.`);
    });
    return entries
        .filter(entry => entry.isDirectory())
        .map(entry => entry.name)
        .sort();
}

function readTrio(folder: string, named: Pick<Migration, "version" | "slug">): Migration {
    const texts = { up: "", down: "", verify: "" };
    for (const part of parts) {
        const file = fileName(named, part);
        texts[part] = textOf(bytesOf(join(folder, `${part}.sql`), file), file).replaceAll("\r\n", "\n");
        if (partLine.test(texts[part])) {
            throw new UserError(
                `${file} holds a line "-- file: …": the runner's own mark, write that comment in another way`,
            );
        }
    }
    return { ...named, ...texts };
}

/** Not from a thread of Node's: hundreds of small files are read sooner one after the other than handed back and forth. */
function bytesOf(path: string, file: string): Uint8Array {
    try {
        return readFileSync(path);
    } catch {
        throw new UserError(`${file} is missing: every migration needs up.sql, down.sql and verify.sql`);
    }
}

/** Without the byte order mark that some editors write. */
function textOf(bytes: Uint8Array, file: string): string {
    try {
        return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
        throw new UserError(`${file} is not UTF-8: save it with that encoding`);
    }
}

/** @param bounded which files have to keep to the runner's timeouts; undefined: no statement is looked at */
async function requireSound(migration: Migration, bounded: readonly Part[] | undefined): Promise<void> {
    const directives = readDirectives(migration.up, fileName(migration, "up"));
    const { archiveRows } = readDownDirectives(migration.down, fileName(migration, "down"));
    if (archiveRows.length > 0 && !directives.transactional) {
        throw new UserError(
            `${fileName(migration, "down")}: "archive-rows" needs a transaction, and "transaction: none" leaves it out: put it into a migration of its own`,
        );
    }
    if (bounded === undefined) return;
    for (const part of parts) {
        const transactional = directives.transactional || part === "verify";
        const optional = part === "down" && directives.irreversible !== undefined;
        // What an import takes out of a file today may stand in an older one.
        const isBounded = bounded.includes(part) && !(part === "up" && directives.imported !== undefined);
        await requireRunnable(migration[part], fileName(migration, part), { transactional, optional, isBounded });
    }
}

function orderFaults(versions: readonly Pick<Migration, "version" | "slug">[]): string[] {
    return versions.flatMap(({ version, slug }, index) => {
        const before = versions[index - 1];
        if (before?.version === version) {
            const wayOut = "give the one that is applied nowhere the next number: npm run new -- --renumber";
            return [`version ${version} stands twice: ${before.slug} and ${slug} (${wayOut} ${version}_${slug})`];
        }
        const expected = versionOf(Number(before?.version ?? 0) + 1);
        if (version === expected) return [];
        const wayOut = "only the newest can be taken away: bring it back, and undo it with a new migration";
        return [`version ${expected} is missing: the next one is ${version}_${slug} (${wayOut})`];
    });
}
