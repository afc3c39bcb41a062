import { parts } from "../../runner/migration/migration.ts";
import { noPreconditions, type Texts } from "../support/sqlFolder.ts";

/** Files of a sql folder: name below it, and text. */
export type SqlFiles = Readonly<Record<string, string>>;

/** The three files of a migration, for example of `0004_notes`. */
export function migrationFiles(name: string, texts: Texts): SqlFiles {
    return Object.fromEntries(parts.map(part => [`${name}/${part}.sql`, texts[part]]));
}

/** One that makes a table of that name. */
export function tableMigration(version: string, name: string): SqlFiles {
    return migrationFiles(`${version}_${name}`, {
        up: `-- Makes public.${name}.
create table public.${name} (id bigint primary key);
alter table public.${name} enable row level security;
revoke all on table public.${name} from public, anon, authenticated, service_role;
`,
        down: `drop table public.${name};\n`,
        verify: `select id from public.${name} limit 0;\n`,
    });
}

/**
 * Three migrations instead of all: no more than what the roles' grants and the bucket stand on, and one table of its
 * own, so that a run takes seconds.
 */
export const smallPlan: SqlFiles = {
    "preconditions.sql": noPreconditions,
    ...migrationFiles("0001_bucket", {
        up: `-- Makes the setting that rules the bucket.
create schema simulation_private;
create table simulation_private.dataset_bucket (
    only_row  boolean primary key default true check (only_row),
    bucket_id text not null,
    max_bytes bigint not null
);
alter table simulation_private.dataset_bucket enable row level security;
revoke all on table simulation_private.dataset_bucket from public, anon, authenticated, service_role;
insert into simulation_private.dataset_bucket (bucket_id, max_bytes) values ('datasets', 52428800);
`,
        down: "drop table simulation_private.dataset_bucket;\ndrop schema simulation_private;\n",
        verify: "select bucket_id, max_bytes from simulation_private.dataset_bucket;\n",
    }),
    ...migrationFiles("0002_datasets", {
        up: `-- Makes public.datasets.
create table public.datasets (
    id           uuid primary key default gen_random_uuid(),
    owner_id     uuid not null references auth.users (id) on delete cascade,
    name         text not null,
    description  text,
    file_path    text not null,
    file_size    bigint,
    file_type    text not null,
    schema_json  jsonb,
    row_count    integer,
    column_count integer
);
alter table public.datasets enable row level security;
revoke all on table public.datasets from public, anon, authenticated, service_role;
`,
        down: "drop table public.datasets;\n",
        verify: "select id, owner_id from public.datasets limit 0;\n",
    }),
    ...migrationFiles("0003_notes", {
        up: `-- Makes public.notes.
create table public.notes (
    id   uuid primary key default gen_random_uuid(),
    text text not null
);
alter table public.notes enable row level security;
revoke all on table public.notes from public, anon, authenticated, service_role;
`,
        down: "drop table public.notes;\n",
        verify: "select id, text from public.notes limit 0;\n",
    }),
};
