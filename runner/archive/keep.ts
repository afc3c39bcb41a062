import type pg from "pg";
import { isOf } from "./capture.ts";
import { type Copy, copyBeside } from "./catchUp.ts";
import { copyLocked, keptRows } from "./copy.ts";
import { takeRowsOut } from "./leave.ts";
import { type Loss, readLosses } from "./losses.ts";
import { readDownDirectives } from "../migration/directives.ts";
import { fileName, type Migration } from "../migration/migration.ts";
import type { Settings } from "../database/settings.ts";
import { addToArchive, archiveTableName } from "./registry.ts";
import { noScaffold, type Scaffold } from "./scaffold.ts";
import { positionsOf, sequencesOf } from "./sequences.ts";

/** What a down would take away, in the archive. */
export interface Kept {
    /** How many. */
    readonly rows: number;
    /** Copies that were made while others write, and are without what they have written since: `completeCopies`. */
    readonly copies: readonly Copy[];
    /** Whether there is nothing but these, so that no lock is held. */
    readonly locksNothing: boolean;
}

/**
 * Keeps the rows that a down is about to remove, in its own transaction and before it runs: those of the tables and
 * columns that up had made, and those that down declares (`archive-rows`). All on the server; nothing passes through
 * this process.
 *
 * A stack without an archive keeps nothing of what down itself takes away. Rows that would have to be taken out of a
 * table that stays are another matter: that they may not be kept does not say that they may be deleted.
 *
 * @throws UserError when rows have to leave a table, and there is no archive or others would change with them
 */
export async function keepRows(
    client: pg.Client,
    migration: Migration,
    settings: Pick<Settings, "archive">,
    { guarded, captures }: Scaffold = noScaffold,
): Promise<Kept> {
    const { archiveRows } = readDownDirectives(migration.down, fileName(migration, "down"));
    // A policy that hides rows from the runner is an error then, and no loss. All processors look for rows, as writers
    // may wait: by default the server takes a second one only where it expects to find few.
    await client.query("set local row_security = off; set local parallel_tuple_cost = 0");
    const losses = settings.archive ? await readLosses(client, migration) : [];
    const captured = captures.flatMap(capture =>
        losses.filter(loss => isOf(capture, loss)).map(loss => ({ ...capture, loss })),
    );
    const others = losses.filter(loss => !captured.some(capture => capture.loss === loss));
    const copies: Copy[] = [];
    for (const capture of captured) copies.push(await copyBeside(client, migration, capture));
    let rows = 0;
    for (const loss of others) rows += await keep(client, migration, loss);
    for (const leaving of archiveRows) {
        const isGuarded = guarded.some(({ table, where }) => table === leaving.table && where === leaving.where);
        rows += await takeRowsOut(client, migration, settings, leaving, isGuarded);
    }
    await client.query("reset row_security; reset parallel_tuple_cost");
    return { rows, copies, locksNothing: others.length + archiveRows.length === 0 };
}

async function keep(client: pg.Client, migration: Migration, loss: Loss): Promise<number> {
    const archive = archiveTableName(migration.version);
    const sequences = await sequencesOf(
        client,
        loss.table,
        loss.columns.map(({ name }) => name),
    );
    const rows = await copyLocked(
        client,
        loss,
        `create table simulation_db_archive.${archive} as ${keptRows(migration, loss)}`,
    );
    return await addToArchive(client, {
        ...loss,
        columns: loss.columns.map(({ name }) => name),
        key: loss.key.map(({ name }) => name),
        version: migration.version,
        archive,
        rows,
        sequences: await positionsOf(client, sequences),
    });
}
