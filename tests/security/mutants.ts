import type pg from "pg";
import type { Column } from "./actors.ts";
import { roles } from "./privileges.ts";

/** One weakening, or taking away, of a single thing that protects the data. */
export interface Mutant {
    /** For people. */
    readonly what: string;
    /** Run as a superuser. */
    readonly sql: string;
    /** What the attacks have to speak of to be worth trying first: a table, a function. */
    readonly about: string;
    /** Whom it concerns; none: everybody. */
    readonly columns: readonly Column[];
    /** First word of the statements to try first. */
    readonly verb?: string;
}

const users: readonly Column[] = ["ada", "linus", "alan", "left", "inact", "grace", "nobody"];
const columnsOf: Readonly<Record<string, readonly Column[]>> = {
    PUBLIC: ["anon", "linus", "uplod", "reader"],
    anon: ["anon"],
    authenticated: users,
    service_role: ["servc"],
    dataset_service: ["uplod"],
    simulation_reader: ["reader"],
};

const tables = ["public.datasets", "public.simulation_runs", "storage.objects", "simulation_private.dataset_bucket"];
const ours = `where c.oid = any ('{${tables.join(",")}}'::regclass[])`;
/** Policies, constraints and triggers of ours on tables that are not. */
const named = "'^(datasets|simulation_runs|dataset_files|dataset_bucket|handle_)'";

/** Every policy, constraint, trigger, function, privilege and default privilege of ours, broken in each way on its own. */
export async function readMutants(client: pg.Client): Promise<Mutant[]> {
    const read = async <Row>(sql: string) => (await client.query(sql)).rows as Row[];
    return [
        ...(await policies(read)),
        ...(await rowSecurity(read)),
        ...(await constraints(read)),
        ...(await triggers(read)),
        ...(await functions(read)),
        ...(await tablePrivileges(read)),
        ...(await columnPrivileges(read)),
        ...(await otherPrivileges(read)),
        ...memberships(),
        ...defaultPrivileges(),
    ];
}

type Read = <Row>(sql: string) => Promise<Row[]>;

interface Policy {
    readonly table: string;
    readonly name: string;
    readonly verb: string;
    readonly role: string;
    readonly permissive: boolean;
    readonly qual: string | null;
    readonly check: string | null;
}

async function policies(read: Read): Promise<Mutant[]> {
    const found = await read<Policy>(
        `select format('%s.%s', schemaname, tablename) as "table", policyname as name, lower(cmd) as verb,
            roles[1] as role, permissive = 'PERMISSIVE' as permissive, qual, with_check as "check"
         from pg_policies where format('%s.%s', schemaname, tablename) = any ('{${tables.join(",")}}') and policyname ~ ${named}`,
    );
    return found.flatMap(policy => {
        const { table, name, verb, role, qual, check } = policy;
        // What a permissive policy says, a restrictive one beside it says again: a part of it alone protects nothing more.
        const isBacked =
            policy.permissive && found.some(one => !one.permissive && one.table === table && one.verb === verb);
        const partsOf = (expression: string | null) => (isBacked ? [] : withoutEach(expression));
        const mutant = (how: string, sql: string): Mutant => ({
            what: `policy ${name}: ${how}`,
            sql,
            about: table,
            columns: columnsOf[role] ?? [],
            verb,
        });
        const alter = `alter policy ${name} on ${table}`;
        return [
            mutant("dropped", `drop policy ${name} on ${table}`),
            ...(qual && qual !== "true" ? [mutant("using (true)", `${alter} using (true)`)] : []),
            ...(check && check !== "true" ? [mutant("with check (true)", `${alter} with check (true)`)] : []),
            ...partsOf(qual).map(([gone, rest]) => mutant(`using without ${gone}`, `${alter} using (${rest})`)),
            ...partsOf(check).map(([gone, rest]) =>
                mutant(`with check without ${gone}`, `${alter} with check (${rest})`),
            ),
        ];
    });
}

/** Each operand of an `and` (or of an `or`) left out in turn, as far down as parentheses go: what went, and what is left. */
function withoutEach(expression: string | null, operator: "AND" | "OR" = "AND"): [gone: string, rest: string][] {
    if (expression === null) return [];
    return operandsOf(expression, operator).map(({ from, to }) => [
        expression.slice(from, to).replaceAll(/\s+/g, " "),
        `${expression.slice(0, from)}${operator === "AND"}${expression.slice(to)}`,
    ]);
}

/** Where the operands are in the text that PostgreSQL makes of an expression: `(…)` or `call(…)`. */
function operandsOf(text: string, operator: string): { from: number; to: number }[] {
    const open: number[] = [];
    const groups: { from: number; to: number }[] = [];
    for (let at = 0; at < text.length; at += 1) {
        if (text[at] === "(") open.push(at - (/[\w.]*$/.exec(text.slice(0, at))?.[0].length ?? 0));
        if (text[at] === ")") groups.push({ from: open.pop() ?? 0, to: at + 1 });
    }
    return groups.filter(({ from, to }) => {
        const before = text.slice(0, from);
        const isFirst = /(^|\()$/.test(before) && text.slice(to).startsWith(` ${operator} `);
        return isFirst || before.endsWith(` ${operator} `);
    });
}

async function rowSecurity(read: Read): Promise<Mutant[]> {
    const found = await read<{ table: string }>(
        `select c.oid::regclass::text as "table" from pg_class c ${ours} and relrowsecurity`,
    );
    return found.map(({ table }) => ({
        what: `row level security of ${table}: off`,
        sql: `alter table ${table} disable row level security`,
        about: table,
        columns: [],
    }));
}

async function constraints(read: Read): Promise<Mutant[]> {
    const named_ = await read<{ table: string; name: string; definition: string }>(
        `select c.oid::regclass::text as "table", conname as name, pg_get_constraintdef(pg_constraint.oid) as definition
         from pg_constraint
         join pg_class c on c.oid = conrelid ${ours} and conname ~ ${named} and conname <> 'simulation_runs_pkey'
            and conname <> 'simulation_runs_org_id_fkey'`,
    );
    const required = await read<{ table: string; name: string }>(
        `select c.oid::regclass::text as "table", attname as name from pg_attribute
         join pg_class c on c.oid = attrelid ${ours} and attnum > 0 and attnotnull and not attisdropped
            and c.relname in ('datasets', 'dataset_bucket')
            and not exists (select from pg_index where indrelid = c.oid and indisprimary and attnum = any (indkey))`,
    );
    return [
        ...named_.map(({ table, name }) => ({
            what: `constraint ${name}: dropped`,
            sql: `alter table ${table} drop constraint ${name} cascade`,
            about: name,
            columns: [],
        })),
        // The bucket's setting is written by its owner only: that the constraint is there is all that there is to notice.
        ...named_.flatMap(({ table, name, definition }) =>
            withoutEach(table.startsWith("simulation_private.") ? null : definition).map(([gone, rest]): Mutant => ({
                what: `constraint ${name}: without ${gone}`,
                sql: `alter table ${table} drop constraint ${name}, add constraint ${name} ${rest}`,
                about: name,
                columns: [],
            })),
        ),
        ...required.map(({ table, name }) => ({
            what: `${table}.${name}: may be null`,
            sql: `alter table ${table} alter column ${name} drop not null`,
            about: table,
            columns: [],
        })),
    ];
}

async function triggers(read: Read): Promise<Mutant[]> {
    const found = await read<{ table: string; name: string; definition: string }>(
        `select c.oid::regclass::text as "table", tgname as name, pg_get_triggerdef(pg_trigger.oid) as definition
         from pg_trigger
         join pg_class c on c.oid = tgrelid ${ours} and not tgisinternal and tgname ~ ${named}`,
    );
    return found.flatMap(({ table, name, definition }) => {
        const mutant = (how: string, sql: string): Mutant => ({
            what: `trigger ${name}: ${how}`,
            sql,
            about: table,
            columns: ["ada", "alan", "servc"],
        });
        // Left out of its "when", it lets through what it stands for.
        const [, when = ""] = / WHEN \((.*)\) EXECUTE /.exec(definition) ?? [];
        return [
            mutant("off", `alter table ${table} disable trigger ${name}`),
            ...withoutEach(when, "OR").map(([gone, rest]) =>
                mutant(
                    `without ${gone}`,
                    definition.replace("CREATE TRIGGER", "create or replace trigger").replace(when, () => rest),
                ),
            ),
        ];
    });
}

async function functions(read: Read): Promise<Mutant[]> {
    const found = await read<{ name: string; definer: boolean }>(
        `select oid::regprocedure::text as name, prosecdef as definer from pg_proc
         where pronamespace = 'simulation_private'::regnamespace or oid = 'public.handle_updated_at()'::regprocedure`,
    );
    const answering = await read<{ name: string; args: string; definer: boolean }>(
        `select oid::regprocedure::text as name, pg_get_function_arguments(oid) as args, prosecdef as definer from pg_proc
         where pronamespace = 'simulation_private'::regnamespace and prorettype = 'boolean'::regtype`,
    );
    const [{ view = "" } = {}] = await read<{ view: string }>(
        "select pg_get_viewdef('simulation_private.active_organizations'::regclass) as view",
    );
    return [
        ...found.map(({ name }) => ({
            what: `function ${name}: search_path open`,
            sql: `alter function ${name} reset search_path`,
            about: name,
            columns: [],
        })),
        ...found.flatMap(({ name, definer }) =>
            definer
                ? {
                      what: `function ${name}: as its caller`,
                      sql: `alter function ${name} security invoker`,
                      about: name.includes("large") ? "public.datasets" : "storage.objects",
                      columns: users,
                  }
                : [],
        ),
        ...answering.map(({ name, args, definer }): Mutant => ({
            what: `function ${name}: says yes to everything`,
            sql: `create or replace function ${name.replace(/\(.*/, "")}(${args}) returns boolean language sql stable
                      ${definer ? "security definer" : ""} set search_path = '' as 'select true'`,
            about: name.includes("schema") ? "public.datasets" : "storage.objects",
            columns: users,
        })),
        ...withoutEach(view).map(([gone, rest]): Mutant => ({
            what: `view active_organizations: without ${gone}`,
            sql: `create or replace view simulation_private.active_organizations as ${rest}`,
            about: "public.simulation_runs",
            columns: users,
        })),
        {
            what: "view active_organizations: as its caller",
            sql: "alter view simulation_private.active_organizations set (security_invoker = true)",
            about: "public.simulation_runs",
            columns: users,
        },
    ];
}

async function tablePrivileges(read: Read): Promise<Mutant[]> {
    const kinds = ["select", "insert", "update", "delete", "truncate", "references", "trigger"];
    const relations = [
        ...tables.filter(table => table !== "storage.objects"),
        "simulation_private.active_organizations",
    ];
    const held = new Set(
        (
            await read<{ key: string }>(
                `select concat_ws(' ', c.oid::regclass, coalesce(r.rolname, 'PUBLIC'), lower(privilege_type)) as key
                 from pg_class c cross join lateral aclexplode(relacl) as acl left join pg_roles r on r.oid = acl.grantee
                 where c.oid = any ('{${relations.join(",")}}'::regclass[])`,
            )
        ).map(({ key }) => key),
    );
    return relations.flatMap(table =>
        roles.flatMap(role =>
            kinds.map((kind): Mutant => {
                const has = held.has([table.replace("public.", ""), role, kind].join(" "));
                return {
                    what: `${kind} on ${table} ${has ? "taken from" : "given to"} ${role}`,
                    sql: has ? `revoke ${kind} on ${table} from ${role}` : `grant ${kind} on ${table} to ${role}`,
                    about: table,
                    columns: columnsOf[role] ?? [],
                    verb: kind,
                };
            }),
        ),
    );
}

async function columnPrivileges(read: Read): Promise<Mutant[]> {
    const found = await read<{ table: string; column: string; role: string; kind: string; has: boolean }>(
        `select c.oid::regclass::text as "table", attname as column, role, kind,
            exists (
                select from aclexplode(attacl) as acl left join pg_roles r on r.oid = acl.grantee
                where coalesce(r.rolname, 'PUBLIC') = role and lower(privilege_type) = kind
            ) as has
         from pg_class c
         join pg_attribute on attrelid = c.oid and attnum > 0 and not attisdropped
         cross join unnest('{${roles.join(",")}}'::text[]) as role
         cross join unnest('{select,insert,update,references}'::text[]) as kind
         where c.oid = any ('{public.datasets,public.simulation_runs}'::regclass[])
            and not exists (
                select from aclexplode(relacl) as acl left join pg_roles r on r.oid = acl.grantee
                where coalesce(r.rolname, 'PUBLIC') = role and lower(privilege_type) = kind
            )`,
    );
    return found.map(({ table, column, role, kind, has }) => ({
        what: `${kind} of ${table}.${column} ${has ? "taken from" : "given to"} ${role}`,
        sql: has
            ? `revoke ${kind} (${column}) on ${table} from ${role}`
            : `grant ${kind} (${column}) on ${table} to ${role}`,
        about: column,
        columns: columnsOf[role] ?? [],
        verb: kind,
    }));
}

async function otherPrivileges(read: Read): Promise<Mutant[]> {
    const found = await read<{ object: string; role: string; kind: string; has: boolean }>(
        `select made.object, role, made.kind,
            exists (
                select from aclexplode(made.acl) as acl left join pg_roles r on r.oid = acl.grantee
                where coalesce(r.rolname, 'PUBLIC') = role and lower(privilege_type) = made.kind
            ) as has
         from (
            select 'function ' || oid::regprocedure as object, 'execute' as kind, coalesce(proacl, acldefault('f', proowner)) as acl
            from pg_proc
            where pronamespace = 'simulation_private'::regnamespace or oid = 'public.handle_updated_at()'::regprocedure
            union all
            select 'schema ' || nspname, kind, nspacl from pg_namespace cross join unnest('{usage,create}'::text[]) as kind
            where nspname in ('simulation_private', 'simulation_db')
         ) as made
         cross join unnest('{${roles.join(",")}}'::text[]) as role`,
    );
    return found.map(({ object, role, kind, has }) => ({
        what: `${kind} on ${object} ${has ? "taken from" : "given to"} ${role}`,
        sql: has ? `revoke ${kind} on ${object} from ${role}` : `grant ${kind} on ${object} to ${role}`,
        about: object.replace(/^\w+ /, "").replace(/\(.*/, ""),
        columns: columnsOf[role] ?? [],
    }));
}

/** What a role would have by another role, or by an attribute. */
function memberships(): Mutant[] {
    const bound = roles.filter(role => role !== "PUBLIC" && role !== "service_role");
    return bound.flatMap(role => [
        {
            what: `role ${role}: passes row level security`,
            sql: `alter role ${role} bypassrls`,
            about: "public.simulation_runs",
            columns: columnsOf[role] ?? [],
        },
        // Not postgres: it is a member of these roles, and PostgreSQL refuses a circle.
        ...["service_role", "dataset_service", "simulation_reader"]
            .filter(other => other !== role)
            .map(other => ({
                what: `role ${other}: given to ${role}`,
                sql: `grant ${other} to ${role}`,
                about: "set local role",
                columns: columnsOf[role] ?? [],
            })),
    ]);
}

/** Given back as Supabase has them; what is born then must be seen to be open. */
function defaultPrivileges(): Mutant[] {
    const born = [
        ["tables", "select", "create table public.later (id integer primary key); insert into public.later values (1)"],
        [
            "tables",
            "truncate",
            "create table public.later (id integer primary key); insert into public.later values (1)",
        ],
        ["sequences", "usage", "create sequence public.later_number"],
        ["functions", "execute", "create function public.later_call() returns integer language sql as 'select 1'"],
    ] as const;
    return born.flatMap(([kind, privilege, create]) =>
        ["anon", "public"].map((role): Mutant => {
            const object = { tables: "table public.later", sequences: "sequence public.later_number" };
            const drop = kind === "functions" ? "function public.later_call()" : object[kind];
            return {
                what: `new ${kind} of postgres: ${privilege} given to ${role}`,
                sql: `set local role postgres;
                      alter default privileges for role postgres in schema public grant ${privilege} on ${kind} to ${role};
                      drop ${drop}; ${create}; reset role`,
                about: "public.later",
                columns: ["anon"],
            };
        }),
    );
}
