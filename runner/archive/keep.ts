import type pg from "pg";
import { nowOf } from "./capture.ts";
import { type Copy, copyBeside } from "./catchUp.ts";
import { addLossToArchive, copyLocked, keptRows } from "./copy.ts";
import { validateGuards } from "./guard.ts";
import { takeRowsOut } from "./leave.ts";
import { type Loss, readLosses } from "./losses.ts";
import { readDownDirectives } from "../migration/directives.ts";
import { fileName, type Migration } from "../migration/migration.ts";
import type { Settings } from "../database/settings.ts";
import { archiveTableName } from "./registry.ts";
import { noScaffold, type Scaffold } from "./scaffold.ts";
import { sequencesOf } from "./sequences.ts";
import { writeAsEver, writeExactly } from "./writing.ts";

/** What was put up so that others go on writing, and how the copies that are made under it are completed. */
export interface Beside {
    readonly scaffold: Scaffold;
    /**
     * Adds to copies what others have written since, and keeps their tables locked.
     *
     * @param also tables to lock with them; undefined: the transaction holds locks already that others may wait for
     * @returns how many rows the copies have
     */
    readonly complete: (copies: readonly Copy[], also?: readonly string[]) => Promise<number>;
}

/**
 * Keeps the rows that a down is about to remove, in its own transaction and before it runs: those of the tables and
 * columns that up had made, and those that down declares (`archive-rows`). All on the server; nothing passes through
 * this process.
 *
 * A stack without an archive keeps nothing of what down itself takes away. Rows that would have to be taken out of a
 * table that stays are another matter: that they may not be kept does not say that they may be deleted.
 *
 * @param beside undefined where nothing was put up, and others wait
 * @returns how many rows were kept
 * @throws UserError when rows have to leave a table, and there is no archive or others would change with them
 */
export async function keepRows(
    client: pg.Client,
    migration: Migration,
    settings: Pick<Settings, "archive">,
    beside?: Beside,
): Promise<number> {
    const { guarded, captures } = beside?.scaffold ?? noScaffold;
    const { archiveRows } = readDownDirectives(migration.down, fileName(migration, "down"));
    // A policy that hides rows from the runner is an error then, and no loss. All processors look for rows, as writers
    // may wait: by default the server takes a second one only where it expects to find few.
    await client.query(`set local row_security = off; set local parallel_tuple_cost = 0; ${writeExactly}`);
    const losses = settings.archive ? await readLosses(client, migration) : [];
    const captured = captures.map(capture => ({ ...capture, loss: nowOf(capture, losses) }));
    const others = losses.filter(loss => !captured.some(capture => capture.loss === loss));
    const copies: Copy[] = [];
    for (const capture of captured) copies.push(await copyBeside(client, migration, capture));
    // Their lock keeps readers waiting as well: what may take longer comes before it.
    const isShort = archiveRows.length === 0 && !others.some(({ isLarge }) => isLarge);
    const complete = async (also?: readonly string[]) =>
        beside && copies.length > 0 ? await beside.complete(copies, also) : 0;
    let rows = isShort ? await complete(others.map(({ table }) => table)) : 0;
    for (const loss of others) rows += await keep(client, migration, loss);
    for (const leaving of archiveRows) {
        const isGuarded = guarded.some(({ table, where }) => table === leaving.table && where === leaving.where);
        rows += await takeRowsOut(client, migration, settings, leaving, isGuarded);
    }
    if (guarded.length > 0) await validateGuards(client);
    if (!isShort) rows += await complete();
    await client.query(`reset row_security; reset parallel_tuple_cost; ${writeAsEver}`);
    return rows;
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
    return await addLossToArchive(client, loss, { version: migration.version, archive, rows, sequences });
}
