-- A ledger as the first version of this tool made it: what an upgrade starts from. It never changes.
create schema simulation_db;
comment on schema simulation_db is 'Ledger of simulation-db: which migrations are applied, and all that happened. Not for the API.';

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
    applied_at  timestamptz not null default now(),
    applied_by  text not null default session_user,
    duration_ms integer not null,
    stack       text not null
);
comment on table simulation_db.migration is 'The migrations that are applied now.';
comment on column simulation_db.migration.found is 'What up found already there (setting simulation_db.found); down reads it back.';

comment on column simulation_db.migration.undo is 'What up changed in the catalog: {added: {name: definition}, removed: {…}, made: {table: true or [columns]}}; down must do the opposite.';
comment on column simulation_db.migration.repaired is 'A person marked it as applied; undo is then learned from its down.';
comment on column simulation_db.migration.mirrored is 'The row of this version in supabase_migrations.schema_migrations is ours.';

create table simulation_db.snapshot (
    only_one    boolean primary key default true check (only_one),
    catalog     jsonb not null,
    tables      jsonb not null,
    fingerprint text,
    taken_at    timestamptz not null default now()
);
comment on table simulation_db.snapshot is 'The catalog after the last change: what the next one is compared with.';
comment on column simulation_db.snapshot.tables is 'Tables and their columns by their numbers inside the server, which outlive a change of name.';
comment on column simulation_db.snapshot.fingerprint is 'simulation_db.fingerprint() at that time: while it is the same, so is the catalog.';

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
    claimed_at timestamptz not null default now()
);
comment on table simulation_db.claim is 'The stack that manages this database.';

create table simulation_db.bucket (
    name   text primary key,
    former jsonb
);
comment on table simulation_db.bucket is 'The bucket that the stack manages; former: the settings it had before, null when the stack made it.';

create schema simulation_db_archive;
comment on schema simulation_db_archive is 'Rows that rollbacks took away, until the next up puts them back. Not for the API.';
revoke all on schema simulation_db_archive from public;

create table simulation_db.archive (
    id            bigint generated always as identity primary key,
    version       text not null,
    archive       text not null,
    source        text not null,
    kind          text not null check (kind in ('table', 'columns', 'rows')),
    columns       text[] not null,
    key           text[] not null,
    key_is_unique boolean not null,
    rows          bigint not null,
    sequences     jsonb not null,
    archived_at   timestamptz not null default now(),
    restored_at   timestamptz
);
comment on table simulation_db.archive is 'What is in simulation_db_archive, and where it belongs.';
comment on column simulation_db.archive.restored_at is 'When its rows were put back; what the archive still holds then could not be.';

revoke all on schema simulation_db from public;
revoke all on all tables in schema simulation_db from public;
