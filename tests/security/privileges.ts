import type pg from "pg";

/** Roles of the API and of the applications, in the order of the table; PUBLIC is everybody. */
export const roles = [
    "PUBLIC",
    "anon",
    "authenticated",
    "service_role",
    "dataset_service",
    "simulation_reader",
] as const;

const tables = ["public.datasets", "public.simulation_runs"] as const;

/** What a role may do on a table; `column` is null for all columns. */
interface Held {
    readonly role: string;
    readonly object: string;
    readonly privilege: string;
    readonly column: string | null;
}

const tablePrivileges = `
    select coalesce(grantee.rolname, 'PUBLIC') as role, granted.oid::regclass::text as object,
        lower(acl.privilege_type) as privilege, granted.name as column
    from (
        select oid, null::name as name, relacl as acl, 0 as place from pg_class
        union all
        select attrelid, attname, attacl, attnum from pg_attribute where not attisdropped
    ) as granted
    cross join lateral aclexplode(granted.acl) as acl
    left join pg_roles as grantee on grantee.oid = acl.grantee
    where granted.oid = any ($1::regclass[])
    order by granted.place`;

const privateObjects = `
    select coalesce(grantee.rolname, 'PUBLIC') as role, made.name as object, lower(acl.privilege_type) as privilege,
        null as column
    from (
        select 'schema ' || nspname as name, nspacl as acl from pg_namespace where nspname = 'simulation_private'
        union all
        select 'schema ' || nspname, nspacl from pg_namespace where nspname = 'simulation_db'
        union all
        select oid::regclass::text, relacl from pg_class
        where relnamespace = 'simulation_private'::regnamespace and relkind in ('r', 'v')
        union all
        select oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) from pg_proc
        where pronamespace = 'simulation_private'::regnamespace or oid = 'public.handle_updated_at()'::regprocedure
    ) as made
    cross join lateral aclexplode(made.acl) as acl
    left join pg_roles as grantee on grantee.oid = acl.grantee
    where acl.grantee = 0 or grantee.rolname <> 'postgres'
    order by 2`;

const policies = `
    select format('%s.%s', schemaname, tablename) as "table", policyname as name, permissive = 'RESTRICTIVE' as restrictive,
        cmd as verb, array_to_string(roles, ', ') as roles
    from pg_policies
    where (schemaname, tablename) in (('public', 'datasets'), ('public', 'simulation_runs'), ('storage', 'objects'))
        and policyname ~ '^(datasets|simulation_runs|dataset_files)_'
    order by array_position(array['datasets', 'simulation_runs', 'objects'], tablename::text), permissive, policyname`;

/** The privileges and policies of a database as the Markdown of docs/security.md. */
export async function describePrivileges(client: pg.Client): Promise<string> {
    const onTables = (await client.query<Held>(tablePrivileges, [[...tables]])).rows;
    const onPrivate = (await client.query<Held>(privateObjects)).rows;
    const made = (
        await client.query<{ table: string; name: string; restrictive: boolean; verb: string; roles: string }>(policies)
    ).rows;
    const everything = tables.map(table =>
        onTables.filter(held => held.role === "postgres" && held.object === bare(table)),
    );
    return [
        ...markdown(
            ["Role", ...tables.map(table => `\`${bare(table)}\``)],
            roles.map(role => [
                role === "PUBLIC" ? role : `\`${role}\``,
                ...tables.map((table, at) =>
                    inWords(
                        onTables.filter(held => held.role === role && held.object === bare(table)),
                        everything[at]?.length ?? 0,
                    ),
                ),
            ]),
        ),
        "",
        ...markdown(
            ["In `simulation_private`, and nobody else", "who"],
            [...Map.groupBy(onPrivate, ({ object, privilege }) => `\`${object}\`: ${privilege}`)].map(
                ([what, held]) => [
                    what,
                    held
                        .map(({ role }) => `\`${role}\``)
                        .sort()
                        .join(", "),
                ],
            ),
        ),
        "",
        ...markdown(
            ["Table", "Policy", "Verb", "Role"],
            made.map(({ table, name, restrictive, verb, roles }) => [
                `\`${table}\``,
                `\`${name}\`${restrictive ? ", restrictive" : ""}`,
                verb.toLowerCase(),
                `\`${roles}\``,
            ]),
        ),
    ].join("\n");
}

/** As regclass prints it with `public` on the search path. */
function bare(table: string): string {
    return table.replace("public.", "");
}

function inWords(held: readonly Held[], all: number): string {
    if (held.length === 0) return "nothing";
    const whole = held.filter(({ column }) => column === null).map(({ privilege }) => privilege);
    if (whole.length === all) return "everything";
    const byColumn = Map.groupBy(
        held.filter(({ column }) => column !== null),
        ({ privilege }) => privilege,
    );
    const ofColumns = [...byColumn].map(
        ([privilege, columns]) => `${privilege} of ${columns.map(({ column }) => `\`${column}\``).join(", ")}`,
    );
    return [whole.sort().join(", "), ...ofColumns.sort()].filter(part => part !== "").join("; ");
}

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
    const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
    return [line(head), `|${head.map(() => "---|").join("")}`, ...rows.map(line)];
}
