import type pg from "pg";
import { archivedVersions } from "../archive/registry.ts";
import { scaffoldVersions } from "../archive/scaffold.ts";
import { readFormat } from "./format.ts";
import { eventValues, type HistoryEntry, insertEvent, type LedgerAction } from "./history.ts";
import { fileName, hashOf, type Migration } from "../migration/migration.ts";
import { mirrored, notMirrored, stillMirrored } from "./mirror.ts";
import { UserError } from "../userError.ts";

/** What the ledger knows of one applied migration. */
export interface LedgerRow {
    readonly version: string;
    readonly slug: string;
    readonly upHash: string;
    readonly downHash: string;
    readonly verifyHash: string;
    /** What up found already there, as JSON text; null when it said nothing. */
    readonly found: string | null;
    readonly appliedAt: Date;
    readonly appliedBy: string;
    readonly durationMs: number;
    readonly stack: string;
    /** Whether what up changed in the catalog is written down; it is not when a run ended right after the commit. */
    readonly hasUndo: boolean;
    /** Marked as applied by a person: what its up did, nobody saw, so there is nothing to write down. */
    readonly repaired: boolean;
    /** Whether the row of this version in Supabase's own ledger is ours. */
    readonly mirrored: boolean;
    /** Whether it is left to the one resource that the stack has for its oldest migrations, the squash. */
    readonly squashed: boolean;
    /** Whether a rollback of it is under way, or was killed, that has put something on tables: archive/scaffold.ts. */
    readonly hasScaffold: boolean;
    /** Whether the archive has rows of it: a run ended before they were back, or they could not go back. */
    readonly hasArchived: boolean;
}

/** What a stack has said of the database that it manages. */
export interface Claim {
    readonly stack: string;
    /** Version of the last migration of its squash; empty when it has none. */
    readonly squashedThrough: string;
}

/** How and for whom a row of the ledger is written. */
interface Circumstances {
    readonly stack: string;
    readonly durationMs?: number;
    /** Told of what could not be mirrored. */
    readonly say: (line: string) => void;
}

/**
 * The applied migrations, oldest first; none when the database has no ledger.
 *
 * @throws UserError when a newer version of this tool has written the ledger
 */
export async function readLedger(client: pg.Client): Promise<LedgerRow[]> {
    if ((await readFormat(client)) === undefined) return [];
    return await readApplied(client);
}

/** The same where there is a ledger, as in every session. In those of older formats the claim has no column of a squash. */
export async function readApplied(client: pg.Client): Promise<LedgerRow[]> {
    const { rows } = await client.query<LedgerRow>(`
        select version, slug, up_hash as "upHash", down_hash as "downHash", verify_hash as "verifyHash",
               found::text as found, applied_at as "appliedAt", applied_by as "appliedBy",
               duration_ms as "durationMs", stack, undo is not null or repaired as "hasUndo", repaired, mirrored,
               coalesce(version <= (select to_jsonb(claim) ->> 'squashed_through' from simulation_db.claim), false) as squashed,
               version in (${scaffoldVersions}) as "hasScaffold", version in (${archivedVersions}) as "hasArchived"
        from simulation_db.migration order by version`);
    return rows;
}

/** Versions of the applied migrations that other means had applied and this tool took over. */
export async function readAdopted(client: pg.Client): Promise<string[]> {
    if ((await readFormat(client)) === undefined) return [];
    const { rows } = await client.query<{ version: string }>(`
        select version from (
            select distinct on (version) version, action from simulation_db.history
            where action in ('up', 'adopt', 'repair applied') order by version, id desc
        ) as last
        join simulation_db.migration using (version)
        where action = 'adopt'`);
    return rows.map(({ version }) => version);
}

/** The applied migrations with their texts, oldest first: as the ledger keeps them, whatever the sql folder says now. */
export async function readTexts(client: pg.Client): Promise<Migration[]> {
    if ((await readFormat(client)) === undefined) return [];
    const { rows } = await client.query<Migration>(
        "select version, slug, up_sql as up, down_sql as down, verify_sql as verify from simulation_db.migration order by version",
    );
    return rows;
}

/** The claim of the stack that manages this database; undefined when none does. */
export async function readClaim(client: pg.Client): Promise<Claim | undefined> {
    if ((await readFormat(client)) === undefined) return undefined;
    const { rows } = await client.query<Claim>(
        `select stack, coalesce(to_jsonb(claim) ->> 'squashed_through', '') as "squashedThrough" from simulation_db.claim`,
    );
    return rows[0];
}

/**
 * Writes an applied migration. What up said it found is read from the session's setting.
 *
 * @param upInside whether up ran in the transaction under way: then the server knows what it wrote to
 */
export async function addToLedger(
    client: pg.Client,
    migration: Migration,
    how: Circumstances,
    upInside: boolean,
): Promise<void> {
    await addRow(client, "up", migration, { ...how, upInside });
}

/** Writes a migration that other means applied; what it changed is known from elsewhere. */
export async function adoptIntoLedger(
    client: pg.Client,
    migration: Migration,
    { found, ...how }: Circumstances & { found: unknown; undo: unknown },
): Promise<void> {
    await client.query("select set_config('simulation_db.found', $1, true)", [found ? JSON.stringify(found) : ""]);
    await addRow(client, "adopt", migration, how);
}

/** Writes a migration that a person says is applied; `detail` is the reason. */
export async function addRepairToLedger(
    client: pg.Client,
    migration: Migration,
    how: Circumstances & { detail: string },
): Promise<void> {
    await addRow(client, "repair applied", migration, { ...how, repaired: true });
}

/** Stores other down and verify texts for an applied migration; nothing is run. */
export async function recordInLedger(client: pg.Client, migration: Migration, stack: string): Promise<void> {
    await client.query(
        `with noted as (${insertEvent})
         update simulation_db.migration set down_hash = $5, verify_hash = $6, down_sql = $10, verify_sql = $11 where version = $2`,
        [...eventValues("record", eventOf(migration, { stack })), migration.down, migration.verify],
    );
}

/** Takes the row of a migration that was rolled back out, and its mirror; the history keeps it. In the caller's transaction. */
export async function removeFromLedger(client: pg.Client, migration: Migration, how: Circumstances): Promise<void> {
    await removeRow(client, "down", eventOf(migration, how), how);
}

/** Removes a migration that a person says is not applied; `detail` is the reason. */
export async function removeRepairFromLedger(
    client: pg.Client,
    { version, slug, upHash, downHash, verifyHash }: LedgerRow,
    { stack, detail, say }: Circumstances & { detail: string },
): Promise<void> {
    const event = { version, slug, upHash, downHash, verifyHash, stack, detail };
    await removeRow(client, "repair reverted", event, { say });
}

/** The row, the one of Supabase's ledger and the line of the history, in one round trip. */
async function addRow(
    client: pg.Client,
    action: LedgerAction,
    migration: Migration,
    how: Circumstances & { detail?: string; undo?: unknown; repaired?: boolean; upInside?: boolean },
): Promise<void> {
    const { up, down, verify } = migration;
    const undo = how.undo === undefined ? null : JSON.stringify(how.undo);
    const { rows } = await client
        .query<{ obstacle: string | null }>(
            `with mirrored as materialized (
                 select obstacle, written_by from simulation_db.mirror($2, $10, $11)
             ),
             added as (
                 insert into simulation_db.migration
                     (version, slug, up_hash, down_hash, verify_hash, duration_ms, stack, up_sql, down_sql, verify_sql,
                      found, undo, repaired, mirrored, wrote)
                 select $2, $3, $4, $5, $6, coalesce($7::integer, 0), $8, $12, $13, $14,
                     nullif(current_setting('simulation_db.found', true), '')::jsonb, $15::jsonb, $16::boolean, obstacle is null,
                     case when $17 then simulation_db.written() || jsonb_build_object('last', coalesce(written_by, pg_current_xact_id()::xid)::text) end
                 from mirrored
             ),
             noted as (${insertEvent})
             select obstacle from mirrored`,
            [
                ...eventValues(action, eventOf(migration, how)),
                ...mirrored(migration),
                ...[up, down, verify],
                ...[undo, how.repaired === true, how.upInside === true],
            ],
        )
        .catch((error: pg.DatabaseError) => {
            if (error.code !== "22P02") throw error;
            throw new UserError(
                `${fileName(migration, "up")}: what it sets in simulation_db.found is not JSON: ${error.message}`,
                ["set it to a JSON text, for example with jsonb_build_object(…)::text"],
            );
        });
    for (const { obstacle } of rows) if (obstacle !== null) how.say(notMirrored(migration, obstacle));
}

/** The same for a row that goes. */
async function removeRow(
    client: pg.Client,
    action: LedgerAction,
    event: HistoryEntry,
    { say }: Pick<Circumstances, "say">,
): Promise<void> {
    const { rows } = await client.query<{ obstacle: string | null }>(
        `with removed as (delete from simulation_db.migration where version = $2 returning mirrored),
         noted as (${insertEvent}),
         unmirrored as materialized (
             select obstacle, written_by from removed cross join simulation_db.mirror($2, null, null) where mirrored
         ),
         -- The snapshot is of this transaction, and so of this part of it.
         counted as (
             update simulation_db.snapshot set last = last + 1
             from unmirrored where last = pg_current_xact_id()::text::bigint and written_by::text::bigint = (last + 1) & 4294967295
         )
         select obstacle from unmirrored`,
        eventValues(action, event),
    );
    for (const { obstacle } of rows) if (obstacle !== null) say(stillMirrored(event.version, obstacle));
}

function eventOf(migration: Migration, how: Pick<HistoryEntry, "durationMs" | "stack" | "detail">): HistoryEntry {
    const { version, slug, up, down, verify } = migration;
    const { durationMs, stack, detail } = how;
    const hashes = { upHash: hashOf(up), downHash: hashOf(down), verifyHash: hashOf(verify) };
    return { version, slug, ...hashes, durationMs, stack, detail };
}
