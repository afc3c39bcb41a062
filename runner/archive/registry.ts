import pg from "pg";

/** One table of the archive and where its rows belong. */
export interface ArchivedPart {
    readonly version: string;
    /** Name inside the schema simulation_db_archive. */
    readonly archive: string;
    /** Where the rows came from, quoted. */
    readonly table: string;
    /** `table`: a whole table; `columns`: some columns of one; `rows`: whole rows of one that stayed. */
    readonly kind: "table" | "columns" | "rows";
    readonly columns: string[];
    readonly key: string[];
    readonly keyIsUnique: boolean;
    readonly rows: number;
    /** Where the sequences of its columns stood. */
    readonly sequences: { readonly column: string; readonly last: string; readonly called: boolean }[];
}

/** A part as the registry lists it. */
export interface ListedPart extends ArchivedPart {
    readonly id: string;
    readonly archivedAt: Date;
    readonly bytes: number;
    /** When its rows were put back; what it still holds then could not be. */
    readonly restoredAt: Date | null;
}

/** The archive's schema and registry; part of the ledger. Nobody but the owner may look inside. */
export const createArchive = `
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
    comment on column simulation_db.archive.restored_at is 'When its rows were put back; what the archive still holds then could not be.';`;

/** Default privileges of the project may have given the archive and what is in it away: takes it back from all but the owner. */
export const keepToOwner = `
    do $$
    declare
        given record;
    begin
        for given in
            select distinct format('schema %I', n.nspname) as object, x.grantee
            from pg_catalog.pg_namespace as n cross join lateral aclexplode(n.nspacl) as x
            where n.nspname in ('simulation_db', 'simulation_db_archive') and x.grantee <> n.nspowner
            union
            select format('table %s', c.oid::regclass), x.grantee
            from pg_catalog.pg_class as c cross join lateral aclexplode(c.relacl) as x
            where c.relnamespace in ('simulation_db'::regnamespace, 'simulation_db_archive'::regnamespace)
                and c.relkind = 'r' and x.grantee <> c.relowner
        loop
            execute format('revoke all on %s from %s', given.object, case given.grantee when 0 then 'public' else given.grantee::regrole::text end);
        end loop;
    end
    $$`;

let made = 0;

/** A name that no other part has: version, time and number. */
export function archiveTableName(version: string): string {
    made += 1;
    return `v${version}_${new Date().toISOString().replaceAll(/[-:.TZ]/g, "")}_${made}`;
}

/** Versions of the migrations of which the archive has rows, as its tables say, which any login sees. SQL: a query. */
export const archivedVersions = `
    select substring(c.relname, 2, 4) from pg_catalog.pg_class as c
    where c.relkind = 'r' and c.relnamespace = to_regnamespace('simulation_db_archive')`;

/** The table of a part, quoted. */
export function archivedIn({ archive }: Pick<ArchivedPart, "archive">): string {
    return `simulation_db_archive.${pg.escapeIdentifier(archive)}`;
}

/**
 * Rows of the archive have no key. Where a publication has all tables, PostgreSQL deletes none of a table without one, unless
 * it is told that all of a row tells which it is (its documentation, "Publication").
 */
export async function makeDeletable(client: pg.Client, part: Pick<ArchivedPart, "archive">): Promise<void> {
    const { rowCount } = await client.query("select from pg_catalog.pg_publication where puballtables");
    if (rowCount !== 0) await client.query(`alter table ${archivedIn(part)} replica identity full`);
}

/** Registers a part, or drops it again when it is empty. @returns its rows */
export async function addToArchive(client: pg.Client, part: ArchivedPart): Promise<number> {
    if (part.rows === 0 && part.sequences.every(({ called }) => !called)) {
        await client.query(`drop table ${archivedIn(part)}`);
        return 0;
    }
    await client.query(keepToOwner);
    await client.query(
        `insert into simulation_db.archive (version, archive, source, kind, columns, key, key_is_unique, rows, sequences)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
            part.version,
            part.archive,
            part.table,
            part.kind,
            part.columns,
            part.key,
            part.keyIsUnique,
            part.rows,
            JSON.stringify(part.sequences),
        ],
    );
    return part.rows;
}

/** The parts of the archive, oldest first. @param version only those that its next up puts back */
export async function listArchive(client: pg.Client, version?: string): Promise<ListedPart[]> {
    const { rows } = await client.query<ListedPart>(
        `select id, version, archive, source as table, kind, columns, key, key_is_unique as "keyIsUnique", rows::float8 as rows,
                sequences, archived_at as "archivedAt", restored_at as "restoredAt",
                pg_total_relation_size(format('simulation_db_archive.%I', archive))::float8 as bytes
         from simulation_db.archive
         where $1::text is null or (version = $1 and restored_at is null)
         order by id`,
        [version ?? null],
    );
    return rows;
}

/** All parts of the archive, oldest first; none where there is no ledger. */
export async function readArchive(client: pg.Client): Promise<ListedPart[]> {
    const { rows } = await client.query<{ there: boolean }>(
        "select to_regclass('simulation_db.archive') is not null as there",
    );
    return rows[0]?.there ? await listArchive(client) : [];
}

/** Drops a part and its registration. The caller has a transaction open. */
export async function dropPart(client: pg.Client, part: Pick<ListedPart, "id" | "archive">): Promise<void> {
    await client.query(`drop table ${archivedIn(part)}`);
    await client.query("delete from simulation_db.archive where id = $1", [part.id]);
}
