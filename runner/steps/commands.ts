import { readdir, readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { connected } from "../database/connection.ts";
import { type Session, withSession } from "../database/session.ts";
import { compareChain } from "../ledger/chain.ts";
import { addEvent } from "../ledger/history.ts";
import { type LedgerRow, readApplied, readTexts } from "../ledger/ledger.ts";
import { readUnfinished } from "../ledger/unfinished.ts";
import { decode, decodeAll, hashOf, label, type Migration, versionOf } from "../migration/migration.ts";
import { readMigrations, requireStatements } from "../migration/migrationFolder.ts";
import { print, say, type Say } from "../output.ts";
import { requirePreconditions } from "../preconditions.ts";
import { printedStep } from "../printedStep.ts";
import { stepLine } from "../stackOutput.ts";
import { UserError } from "../userError.ts";
import { apply, applyNext, endInterrupted } from "./apply.ts";
import type { Outcome } from "./outcome.ts";
import { record } from "./record.ts";
import { undoUnfinished } from "./interrupted.ts";
import { rollBack } from "./rollback.ts";
import { applySquash, rollBackSquash, rollBackUnlessSquashed } from "./squash.ts";

const environment = process.env;

/** Which migrations a command is about. */
export interface ChainOptions {
    readonly stdin?: boolean;
    /** Version. */
    readonly to?: string;
}

/** `migrate up`: the migration on stdin, or all pending ones of the sql folder. */
export async function migrateUp(options: ChainOptions): Promise<void> {
    if (options.stdin) return await oneStep("up", applyNoted);
    const migrations = await readMigrations("sql", { statementsLater: true });
    await withSession(environment, "migrate up", async session => {
        const applied = await endInterrupted(session, say);
        const { pending, changed } = compareChain(migrations, applied);
        // The others ran as they stand.
        await requireStatements({ pending, changed });
        const chosen = pending.filter(({ version }) => options.to === undefined || version <= options.to);
        if (applied.length === 0) {
            const preconditions = await readFile("sql/preconditions.sql", "utf8");
            for (const line of await requirePreconditions(session.client, preconditions)) say(`warning: ${line}`);
        }
        for (const migration of chosen) {
            await noteUnpromoted(session, migration);
            printStep(session, migration, await applyNext(session, migration, say));
        }
        print(`${chosen.length} applied, ${pending.length - chosen.length} left pending`);
    });
}

/** `migrate down`: the migration on stdin, or the newest ones by the texts that the ledger keeps. */
export async function migrateDown(options: ChainOptions): Promise<void> {
    if (options.stdin) return await oneStep("down", rollBackUnlessSquashed);
    await withSession(environment, "migrate down", async session => {
        const applied = await readTexts(session.client);
        const unfinished = await readUnfinished(session);
        // An up that was interrupted is the newest there is, though the ledger does not have it yet.
        const begun = unfinished?.direction === "up" ? unfinished.migration : undefined;
        const newest = begun ?? applied.at(-1);
        const to = options.to ?? versionOf(Number(newest?.version ?? 0) - 1);
        if (begun && begun.version > to) {
            await undoUnfinished(session, begun, say);
            print(stepLine(`${label(begun)} taken back, which was interrupted on its way up`, session.identity));
        }
        const ledger = await readApplied(session.client);
        for (const migration of applied.filter(({ version }) => version > to).reverse()) {
            const left = ledger.filter(({ version }) => version <= migration.version);
            printStep(session, migration, await rollBack(session, migration, left, say));
        }
    });
}

/** `squash up`: the migrations on stdin, which the stack has in one resource. */
export async function squashUp(): Promise<void> {
    await squashStep("up", async (session, carried) => {
        const applied = await readApplied(session.client);
        const folders = await migrationFolders();
        const migrations = carried.map(migration => named(migration, folders, applied));
        const count = await applySquash(session, migrations, { say, before: noteUnpromoted });
        return `${count} applied, ${migrations.length - count} adopted`;
    });
}

/** `squash down`: what stdin carries only names them. */
export async function squashDown(): Promise<void> {
    await squashStep("down", async session => `${await rollBackSquash(session, say)} rolled back`);
}

export type RecordOptions = Pick<ChainOptions, "stdin">;

/** `migrate record`: the migration on stdin, or those of the sql folder whose down or verify the ledger has otherwise. */
export async function migrateRecord(version: string | undefined, options: RecordOptions): Promise<void> {
    if (options.stdin && version !== undefined) {
        throw new UserError("migrate record takes a version of the sql folder or --stdin, and not both.");
    }
    if (options.stdin) return await oneStep("record", record);
    const migrations = await readMigrations("sql", { statementsLater: true });
    await withSession(environment, "migrate record", async session => {
        const ledger = await readApplied(session.client);
        const { applied, changed } = compareChain(migrations, ledger);
        const isAsked = (migration: Migration) => version === undefined || migration.version === version;
        if (version !== undefined && !applied.some(isAsked)) {
            throw new UserError(`the sql folder has no applied migration ${version}: there is nothing to record.`, [
                "see what is applied: node runner/main.ts status",
            ]);
        }
        const chosen = changed.filter(isAsked);
        await requireStatements({ pending: [], changed: chosen });
        for (const migration of chosen) printStep(session, migration, await record(session, migration, ledger));
        print(`${chosen.length} recorded`);
    });
}

/** `status`: a plain read, without the lock, so it answers while a run is under way. */
export async function status(): Promise<void> {
    const migrations = await readMigrations("sql");
    await connected(environment, "status", async client => {
        const { readStatus, statusLines } = await import("../status.ts");
        for (const line of statusLines(await readStatus(client, migrations))) print(line);
    });
}

async function squashStep(
    verb: "up" | "down",
    work: (session: Session, carried: readonly Migration[]) => Promise<string>,
): Promise<void> {
    const carried = decodeAll(await text(process.stdin));
    const range = `${carried[0]?.version} to ${carried.at(-1)?.version}`;
    await printedStep(environment, `${verb} ${range}`, async session => `${range}: ${await work(session, carried)}`);
}

async function oneStep(
    verb: "up" | "down" | "record",
    work: (session: Session, migration: Migration, applied: LedgerRow[], say: Say) => Promise<Outcome>,
): Promise<void> {
    const carried = decode(await text(process.stdin));
    await withSession(environment, `${verb} ${carried.version}`, async session => {
        const applied = await readApplied(session.client);
        const migration = named(carried, await migrationFolders(), applied);
        printStep(session, migration, await work(session, migration, applied, say));
    });
}

function printStep({ identity }: Session, migration: Migration, { did, durationMs }: Outcome): void {
    print(stepLine(`${label(migration)} ${did} in ${durationMs} ms`, identity));
}

async function applyNoted(session: Session, migration: Migration, applied: LedgerRow[], say: Say): Promise<Outcome> {
    if (!applied.some(({ version }) => version === migration.version)) await noteUnpromoted(session, migration);
    return await apply(session, migration, applied, say);
}

/** Who goes on without a promotion gives a reason, and the history keeps it, whatever becomes of the migration. */
async function noteUnpromoted({ client, settings }: Session, { version, slug, up }: Migration): Promise<void> {
    const detail = environment.SIMULATION_DB_UNPROMOTED_REASON?.trim();
    if (!detail) return;
    await addEvent(client, "unpromoted", { version, slug, upHash: hashOf(up), stack: settings.stack, detail });
}

async function migrationFolders(): Promise<string[]> {
    return await readdir("sql").catch(() => []);
}

/** With the folder's name, for people: it is not part of what the state carries. Where the folder is gone, the ledger knows. */
function named(carried: Migration, folders: readonly string[], applied: readonly LedgerRow[]): Migration {
    const { version } = carried;
    const folder = folders.find(name => name.startsWith(`${version}_`));
    const slug = folder?.slice(version.length + 1) ?? applied.find(row => row.version === version)?.slug ?? "";
    return { ...carried, slug };
}
