/** Rows of one table of the system catalog: which object each belongs to. */
interface Source {
    readonly table: string;
    /** The table that the object itself is in; SQL where that differs from row to row. */
    readonly of: string;
    /** Its oid there. SQL. */
    readonly object: string;
    /** Condition on the rows. SQL. */
    readonly where?: string;
    /** Columns of a table, dropped ones included. SQL. */
    readonly columns?: string;
    /** Not to be told apart from what comes with the server: any change means a look at all. SQL. */
    readonly common?: string;
}

const from = (table: string, of = table, object = "oid", more: Partial<Source> = {}): Source => ({
    ...{ table, of: `'pg_catalog.${of}'::regclass`, object, ...more },
});

/**
 * Of what there are many in a database; `objects.sql` can read each of them alone. The objects that are in these tables
 * themselves are the {@link manyOf}.
 */
const many: readonly Source[] = [
    from("pg_class", "pg_class", "oid", { columns: "case when relkind in ('r', 'p') then relnatts end" }),
    ...[from("pg_attribute", "pg_class", "attrelid"), from("pg_attrdef"), from("pg_constraint")],
    ...[from("pg_index", "pg_class", "indexrelid"), from("pg_inherits", "pg_class", "inhrelid")],
    ...[from("pg_sequence", "pg_class", "seqrelid"), from("pg_foreign_table", "pg_class", "ftrelid")],
    ...[from("pg_partitioned_table", "pg_class", "partrelid"), from("pg_trigger"), from("pg_policy")],
    ...[from("pg_rewrite"), from("pg_statistic_ext"), from("pg_publication_rel"), from("pg_type")],
    ...[from("pg_enum", "pg_type", "enumtypid"), from("pg_range", "pg_type", "rngtypid")],
    // A function that a superuser makes in pg_catalog may change how calls of others are written down.
    from("pg_proc", "pg_proc", "oid", { common: "pronamespace = 'pg_catalog'::regnamespace" }),
    from("pg_aggregate", "pg_proc", "aggfnoid::oid"),
    { ...from("pg_description", "", "objoid"), of: "classoid" },
    { ...from("pg_seclabel", "", "objoid"), of: "classoid" },
    // Which column a sequence belongs to. Other dependencies follow from the rows of the dependent object.
    from("pg_depend", "pg_class", "objid", {
        where: "classid = 'pg_class'::regclass and refclassid = 'pg_class'::regclass and refobjsubid > 0 and deptype in ('a', 'i') and objid >= 16384",
    }),
];

/** The tables of the objects of {@link many}. */
export const manyOf = ["class", "attrdef", "constraint", "trigger", "policy", "rewrite", "statistic_ext"]
    .concat("publication_rel", "type", "proc")
    .map(name => `pg_${name}`);

/** Of these there are few, and `others.sql` reads all of them or none. */
const few: readonly Source[] = [
    ...["default_acl", "publication", "event_trigger", "foreign_data_wrapper", "foreign_server", "parameter_acl"],
    ...["collation", "conversion", "ts_config", "ts_dict", "ts_parser", "ts_template", "publication_namespace"],
]
    .map(name => from(`pg_${name}`))
    .concat(from("pg_ts_config_map", "pg_ts_config", "mapcfg"));

/** The same, where what comes with the server is often changed: the schema public, the role postgres. */
const fewOwn: readonly Source[] = [
    ...[from("pg_namespace"), from("pg_database"), from("pg_auth_members", "pg_auth_members", "roleid")],
    ...[from("pg_db_role_setting", "pg_db_role_setting", "setrole")],
    ...["pg_shdescription", "pg_shseclabel"].map(table => ({ ...from(table, "", "objoid"), of: "classoid" })),
];

/** What has a say in how everything else is written down, without a dependency that would tell. */
const language = ["am", "amop", "amproc", "cast", "extension", "init_privs", "language", "opclass", "operator"]
    .concat("opfamily", "tablespace", "transform")
    .map(name => `pg_${name}`);

/** A table of which the text of each row is looked at. Class, oid and text are SQL. */
interface Told {
    readonly table: string;
    readonly select: string;
}

const told: readonly Told[] = [
    // Of these not everybody may see which version a row has; they are small, so their text does as well.
    {
        table: "pg_authid",
        select: "select 'pg_catalog.pg_authid'::regclass, oid, to_jsonb(r) - 'rolpassword' from pg_catalog.pg_roles as r",
    },
    {
        table: "pg_user_mapping",
        select: "select 'pg_catalog.pg_user_mapping'::regclass, umid, to_jsonb(m) - 'umoptions' from pg_catalog.pg_user_mappings as m",
    },
    {
        table: "pg_subscription",
        select: `select 'pg_catalog.pg_subscription'::regclass, oid, jsonb_build_array(subname, subowner, subenabled, subslotname, subpublications)
            from pg_catalog.pg_subscription`,
    },
    // Names that are part of others' without a dependency that would tell, or of too many.
    { table: "pg_namespace", select: "select 0, oid, to_jsonb(nspname) from pg_catalog.pg_namespace" },
    { table: "pg_authid", select: "select 0, oid, to_jsonb(rolname) from pg_catalog.pg_roles" },
];

/** All of them. */
export const versionedTables = [
    ...new Set([...many, ...few, ...fewOwn, ...told].map(({ table }) => table).concat(language)),
].toSorted();

/** The least oid of what does not come with the server (PostgreSQL source, access/transam.h, FirstNormalObjectId). */
const firstOwn = 16384;

/** Which transaction wrote a row, counted so that the number stays the same while time goes on. */
const writtenBy = "case age(xmin) when 2147483647 then 0 else (age(xmin)::bigint - age('3'::xid)) & 4294967295 end";

/** A row's version: where it is and who wrote it. The number of its table is in it, so that no two rows have the same. */
const version = (number: number) => `hashtidextended(ctid, (${writtenBy}) + ${number} * 4294967296)`;

const oidOf = (table: string) => `'pg_catalog.${table}'::regclass`;

/** By table, what returns each one's (source, class, object, version, columns). PL/pgSQL. */
const returns: readonly (readonly [table: string, statement: string])[] = [
    ...[...many, ...few].map((source, number) => [source.table, grouped(source, number)] as const),
    ...fewOwn.map(({ table, of, object }, number) => {
        const select = `
            select ${oidOf(table)}::oid, ${of}::oid, ${object}, bit_xor(${version(100 + number)}), null::smallint
            from pg_catalog.${table} group by 2, 3`;
        return [table, `return query ${select};`] as const;
    }),
    ...language.map((table, number) => [table, `return query ${common(table, 200 + number)};`] as const),
    ["pg_depend", `return query ${common("pg_depend", 300, "deptype = 'e'")};`],
    ...told.map(({ table, select }, number) => {
        const hashed = `
            select ${oidOf(table)}::oid, class::oid, object, hashtextextended(text::text, ${number}), null::smallint
            from (${select}) as t (class, object, text)`;
        return [table, `return query ${hashed};`] as const;
    }),
];

/** Object by object; of those that a transaction has written alone, unless one came with the server: these are one. */
function grouped(
    { table, of, object, where = "true", columns, common: shared = "false" }: Source,
    number: number,
): string {
    const key = `case when ${object} >= ${firstOwn} and not ${shared} then ${object} else 0 end`;
    const rows = `pg_catalog.${table} where ${where}`;
    const select = (more: string) => `
            select ${oidOf(table)}::oid, case g.object when 0 then 0 else g.class end, g.object, g.version, ${columns ? "g.columns" : "null::smallint"}
            from (
                select ${of === "classoid" ? `case when (${key}) = 0 then 0 else classoid end` : `${of}::oid`} as class,
                    ${key} as object, bit_xor(${version(number)}) as version ${columns ? `, max(${columns}) as columns` : ""}
                from ${rows} ${more} group by 1, 2
            ) as g`;
    return `
                written := case when since is not null then array(select distinct ${key} from ${rows} and age(xmin) <= since_age) end;
                if written is null or 0 = any (written) then return query ${select("")};
                elsif written <> '{}' then return query ${select(`and ${object} = any (written)`)};
                end if;`;
}

/** All rows as one object of class 0. */
function common(table: string, number: number, where = "true"): string {
    return `
            select ${oidOf(table)}::oid, 0::oid, 0::oid, coalesce(bit_xor(${version(number)}), 0), null::smallint
            from pg_catalog.${table} where ${where}`;
}

/**
 * Makes `simulation_db.versions(tables)`: which version the rows of each object have, by table of the system catalog. It is
 * made of where they are and who wrote them, and looks at none of them closely, so it takes a tenth of the time that
 * `simulation_db.catalog()` does. As long as the versions of an object are the same, so is what that says of the object,
 * as far as it does not depend on others; a row that moves without a change only makes a version another one.
 *
 * Class 0 stands for what has a say in everything: a version there that becomes another one means a look at all. Its
 * object 0 is what came with the server, and who reads (`simulation_db.reader()`); the others are the names of schemas
 * and roles.
 *
 * With `since`, a transaction: of objects of which there are many, only those that it or a later one has written. What it
 * has removed leaves no trace.
 *
 * And `simulation_db.written()`: what the transaction under way has written to, by the server's own count: `tables` of the
 * system catalog, those among them that it has `removed` rows from, and its number, `since`; null where the server does
 * not count.
 */
export const createVersions = `
    create or replace function simulation_db.versions(tables oid[] default null, since xid8 default null)
        returns table (source oid, class oid, object oid, version bigint, columns smallint)
        language plpgsql stable rows 30 set search_path = '' set jit = off set plan_cache_mode = force_generic_plan
        as $versions$
        #variable_conflict use_column
        declare
            written oid[];
            since_age integer;
        begin
            if since is not null then
                -- Ages are counted from this transaction then, and not from a present that goes on between two looks.
                perform pg_current_xact_id();
                since_age := age(since::xid);
            end if;
            ${returns
                .map(
                    ([table, statement]) =>
                        `if tables is null or ${oidOf(table)} = any (tables) then ${statement} end if;`,
                )
                .join("\n            ")}
            if tables is null then
                return query select 0::oid, 0::oid, 0::oid, simulation_db.reader(), null::smallint;
            end if;
        end
        $versions$;
    revoke execute on function simulation_db.versions(oid[], xid8) from public;

    create or replace function simulation_db.written() returns jsonb
        language plpgsql stable set search_path = ''
        as $written$
        begin
            if not current_setting('track_counts')::boolean then
                return null;
            end if;
            return (
                select jsonb_build_object(
                    'since', pg_current_xact_id(),
                    'tables', coalesce(jsonb_agg(t::oid) filter (where came + went > 0), '[]'),
                    'removed', coalesce(jsonb_agg(t::oid) filter (where went > 0), '[]')
                )
                from unnest('{${versionedTables.map(table => `pg_catalog.${table}`).join(",")}}'::regclass[]) as t
                cross join lateral (select pg_stat_get_xact_tuples_inserted(t) + pg_stat_get_xact_tuples_updated(t), pg_stat_get_xact_tuples_deleted(t)) as n (came, went)
            );
        end
        $written$;
    revoke execute on function simulation_db.written() from public`;
