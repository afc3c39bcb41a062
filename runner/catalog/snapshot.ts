const commentServer = "comment on column simulation_db.snapshot.server is 'server_version_num at that time.';";

const commentLast =
    "comment on column simulation_db.snapshot.last is 'Number of a transaction: what it and all before it changed is in here; null: not known of any.';";

/** What a snapshot says of itself since format 5. SQL. */
export const addLast = `
    alter table simulation_db.snapshot drop column complete, add column last bigint;
    ${commentLast}`;

const createRows = `
    create table simulation_db.snapshot_entry (
        key        text primary key,
        definition text not null,
        object     oid
    );
    create index snapshot_entry_object on simulation_db.snapshot_entry (object);
    comment on table simulation_db.snapshot_entry is 'What simulation_db.catalog() said then, one row per aspect of an object.';
    comment on column simulation_db.snapshot_entry.object is 'The number of the object inside the server, which outlives a change of name; 0: kinds of which there are few.';

    create table simulation_db.snapshot_version (
        source  oid,
        class   oid,
        object  oid,
        version bigint not null,
        columns smallint,
        primary key (source, class, object)
    );
    comment on table simulation_db.snapshot_version is 'What simulation_db.versions() said then: while an object has the same versions, it is the same.';
    comment on column simulation_db.snapshot_version.columns is 'Of a table: how many columns were ever made; those that came later have greater numbers.';`;

/** The catalog after the last change, in the ledger. SQL. */
export const createSnapshot = `
    create table simulation_db.snapshot (
        only_one boolean primary key default true check (only_one),
        server   integer,
        taken_at timestamptz not null default now(),
        last     bigint
    );
    comment on table simulation_db.snapshot is 'The catalog after the last change: what the next one is compared with.';
    ${commentServer}
    ${commentLast}
    ${createRows}`;

/**
 * Brings a snapshot that was one row to that form. What its aspects hang on is not known, so the next look is at all of
 * the catalog; which columns were there is.
 */
export const splitSnapshot = `
    ${createRows}
    insert into simulation_db.snapshot_entry (key, definition)
        select each.* from simulation_db.snapshot, jsonb_each_text(catalog) as each;
    insert into simulation_db.snapshot_version
        select 'pg_catalog.pg_class'::regclass, 'pg_catalog.pg_class'::regclass, key::oid, 0, jsonb_array_length(value) - 1
        from simulation_db.snapshot, jsonb_each(tables);
    alter table simulation_db.snapshot add column server integer;
    ${commentServer}
    update simulation_db.snapshot set server = split_part(fingerprint, ' ', 1)::integer;
    alter table simulation_db.snapshot drop column catalog, drop column tables, drop column fingerprint;
    drop function if exists simulation_db.fingerprint();
    drop function if exists simulation_db.catalog();
    revoke all on all tables in schema simulation_db from public`;
