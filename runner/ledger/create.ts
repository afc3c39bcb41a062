import type pg from "pg";
import { createArchive } from "../archive/registry.ts";
import { createSnapshot } from "../catalog/snapshot.ts";
import { commentSquashed, commentWrote, readFormat, recordFormat, upgradeLedger } from "./format.ts";
import { functionsVersion, installFunctions } from "./functions.ts";

/**
 * The ledger's own schema. It is not exposed to the API, nobody but its owner may use it, and the history only grows.
 * Runs once per database, in one transaction, under the advisory lock. Whoever changes it adds to the upgrades in
 * format.ts what brings the ledgers there to the same form.
 */
const createLedger = `
    create schema simulation_db;
    ${recordFormat};

    create table simulation_db.migration (
        version     text primary key,
        slug        text not null,
        up_hash     text not null,
        down_hash   text not null,
        verify_hash text not null,
        up_sql      text not null,
        down_sql    text not null,
        verify_sql  text not null,
        found       jsonb,
        undo        jsonb,
        repaired    boolean not null default false,
        mirrored    boolean not null default false,
        wrote       jsonb,
        applied_at  timestamptz not null default now(),
        applied_by  text not null default session_user,
        duration_ms integer not null,
        stack       text not null
    );
    comment on table simulation_db.migration is 'The migrations that are applied now.';
    comment on column simulation_db.migration.found is 'What up found already there (setting simulation_db.found); down reads it back.';

    comment on column simulation_db.migration.undo is 'What up changed in the catalog: {added: {name: definition}, removed: {…}, made: {table: true or [columns]}}; down must do the opposite.';
    comment on column simulation_db.migration.repaired is 'A person marked it as applied; undo is then learned from its down.';
    ${commentWrote};
    comment on column simulation_db.migration.mirrored is 'The row of this version in supabase_migrations.schema_migrations is ours.';

    ${createSnapshot}

    create table simulation_db.history (
        id          bigint generated always as identity primary key,
        at          timestamptz not null default now(),
        action      text not null,
        version     text,
        slug        text,
        up_hash     text,
        down_hash   text,
        verify_hash text,
        duration_ms integer,
        stack       text not null,
        by_role     text not null default session_user,
        by_program  text not null default current_setting('application_name'),
        detail      text
    );
    comment on table simulation_db.history is 'All that happened to the schema, oldest first. Rows are only ever added.';

    create function simulation_db.history_only_grows() returns trigger
        language plpgsql set search_path = '' as $$
    begin
        raise exception 'simulation_db.history only grows: % is refused', lower(tg_op);
    end $$;
    create trigger history_only_grows before update or delete or truncate on simulation_db.history
        for each statement execute function simulation_db.history_only_grows();
    revoke execute on function simulation_db.history_only_grows() from public;

    create table simulation_db.unfinished (
        only_one  boolean primary key default true check (only_one),
        version   text not null,
        slug      text not null,
        direction text not null check (direction in ('up', 'down')),
        up_sql    text not null,
        down_sql  text not null,
        verify_sql text not null,
        running   text,
        done      text[] not null default '{}'
    );
    comment on table simulation_db.unfinished is 'The migration without a transaction that is under way: hashes of its statements that are done, and of the one that runs.';

    create table simulation_db.claim (
        only_one   boolean primary key default true check (only_one),
        stack      text not null,
        claimed_at timestamptz not null default now(),
        squashed_through text
    );
    comment on table simulation_db.claim is 'The stack that manages this database.';
    ${commentSquashed};

    create table simulation_db.bucket (
        name   text primary key,
        former jsonb
    );
    comment on table simulation_db.bucket is 'The bucket that the stack manages; former: the settings it had before, null when the stack made it.';

    ${createArchive}

    revoke all on schema simulation_db from public;
    revoke all on all tables in schema simulation_db from public;`;

/**
 * Makes the ledger when the database has none, and upgrades the one of an older version of this tool. The caller holds
 * the advisory lock.
 *
 * @throws UserError when a newer version of this tool has written it
 */
export async function ensureLedger(client: pg.Client): Promise<void> {
    const found = await readFormat(client);
    // One simple query of several statements is one transaction.
    if (!found) await client.query(createLedger);
    else await upgradeLedger(client, found.format);
    if (found?.functions !== functionsVersion) await client.query(installFunctions);
}
