import type pg from "pg";
import { type Actor, allSeeing, undefinedUser } from "./actors.ts";
import type { Attack } from "./attacks.ts";
import { secretOf, words } from "./stage.ts";

/** All rows that an attack could change, as one text. */
const rowsPrint = `
    select md5(concat_ws('|',
        (select string_agg(t::text, '|' order by t.id) from public.datasets as t),
        (select string_agg(t::text, '|' order by t.id) from public.simulation_runs as t),
        (select string_agg(t::text, '|' order by t.id) from storage.objects as t),
        (select string_agg(t::text, '|' order by t.id) from storage.buckets as t),
        (select string_agg(t::text, '|' order by t::text) from public.organization_members as t),
        (select t::text from simulation_private.dataset_bucket as t),
        (select count(*) || min(down_sql) from simulation_db.migration),
        (select string_agg(t::text, '|') from public.later as t),
        (select last_value from public.later_number),
        (select count(*) from auth.users)
    ))`;

/** And who may do what. */
const catalogPrint = `
    select md5(concat_ws('|',
        (
            select string_agg(concat_ws(' ', relname, relowner, relacl, relrowsecurity, relforcerowsecurity), '|' order by oid)
            from pg_class
            where relnamespace = any ('{public,storage,auth,simulation_private,simulation_db}'::regnamespace[])
        ),
        (
            select string_agg(concat_ws(' ', attrelid, attname, attacl, attisdropped), '|' order by attrelid, attnum)
            from pg_attribute where attrelid in ('public.datasets'::regclass, 'public.simulation_runs'::regclass)
        ),
        (select string_agg(concat_ws(' ', conname, convalidated), '|' order by oid) from pg_constraint where conrelid <> 0),
        (select string_agg(concat_ws(' ', polname, polroles, polqual, polwithcheck), '|' order by oid) from pg_policy),
        (select string_agg(concat_ws(' ', tgrelid, tgname, tgenabled), '|' order by oid) from pg_trigger),
        (
            select string_agg(concat_ws(' ', proname, proacl, md5(prosrc)), '|' order by oid) from pg_proc
            where pronamespace in ('public'::regnamespace, 'simulation_private'::regnamespace)
        ),
        (select string_agg(nspname || coalesce(nspacl::text, ''), '|' order by nspname) from pg_namespace where nspname !~ '^pg_'),
        (select string_agg(t::text, '|' order by t.oid) from pg_authid as t),
        (select string_agg(concat_ws(' ', roleid, member), '|' order by roleid, member) from pg_auth_members)
    ))`;

/** What a statement other than these could change: the catalog is read for it as well. */
const changesRowsOnly = /^(select|table|copy|insert|update|delete|merge)\b[^;]*$/;

/** What came of one attack of one actor. */
export interface Attempt {
    /** In the words of attacks.txt. */
    readonly outcome: string;
    /** For a person who has to find out why. */
    readonly said: string;
    readonly changed: boolean;
    /** Whose secret the answer or the error showed, though the actor must not see it. */
    readonly leaked: string | undefined;
}

/** The state of the stage before any attack. */
export interface Before {
    readonly rows: string;
    readonly catalog: string;
}

/** Reads it, for {@link attempt}. */
export async function stateOf(admin: pg.Client): Promise<Before> {
    const read = async (sql: string) => (await admin.query<{ md5: string }>(sql)).rows[0]?.md5 ?? "";
    return { rows: await read(rowsPrint), catalog: await read(catalogPrint) };
}

/**
 * Lets an actor try, inside the transaction that is open, and takes it back.
 *
 * @param admin a superuser: only that can become everybody
 */
export async function attempt(admin: pg.Client, actor: Actor, attack: Attack, before: Before): Promise<Attempt> {
    const { role, login, claims } = actor;
    await admin.query(
        `savepoint attempt; set local session authorization ${login}; set local role ${role};
         select set_config('request.jwt.claims', ${literal(claims)}, true)`,
    );
    let result: pg.QueryResult | undefined;
    let error: pg.DatabaseError | undefined;
    try {
        const results = await admin.query(sqlOf(attack, actor));
        result = Array.isArray(results) ? (results as pg.QueryResult[]).at(-1) : results;
    } catch (refused) {
        error = refused as pg.DatabaseError;
    }
    // An error has undone what the statement did, and who sent it; the rows are looked at all the same.
    const look = [error ? "rollback to savepoint attempt" : "reset session authorization", rowsPrint];
    if (!changesRowsOnly.test(attack.sql)) look.push(catalogPrint);
    const seen = await admin.query([...look, "rollback to savepoint attempt", "release savepoint attempt"].join(";"));
    const prints = (seen as unknown as pg.QueryResult<{ md5: string }>[]).flatMap(({ rows }) => rows[0]?.md5 ?? []);
    const [rows = "", catalog = before.catalog] = prints;
    const changed = rows !== before.rows || catalog !== before.catalog;
    const said = error ? `${error.code} ${error.message}` : `${result?.command} ${result?.rowCount ?? ""}`;
    const outcome = error ? refusalOf(error, attack) : doneBy(result, changed);
    return { outcome, said, changed, leaked: leakTo(actor, result, error) };
}

/** Whether what came is what the page says: the outcome, and nothing changed where nothing may be. */
export function problemOf(
    attack: Attack,
    actor: Actor,
    { outcome, said, changed, leaked }: Attempt,
): string | undefined {
    const expected = attack.outcomes[actor.column];
    const fits =
        expected === outcome ||
        (expected === "x" && /^[-!]$/.test(outcome)) ||
        (expected === "n" && /^(?:[-!0]|22P02)$/.test(outcome));
    if (!fits) return `${actor.name}: expected ${expected}, got ${outcome} (${said})`;
    if (leaked !== undefined) return `${actor.name}: was shown the secret of ${leaked} (${said})`;
    const mayChange = /^([1-9]\d*|ok)$/.test(expected);
    if (changed && !mayChange) return `${actor.name}: was refused or did nothing, and yet something changed (${said})`;
    return undefined;
}

/** The statement as an actor sends it. */
function sqlOf({ sql }: Attack, { sub = undefinedUser }: Actor): string {
    return sql.replaceAll(/\{([a-z]+)\}/g, (_, word: string) => {
        const value = word === "me" ? sub : words[word];
        if (value === undefined) throw new Error(`attacks.txt knows no word {${word}}`);
        return literal(value);
    });
}

function doneBy(result: pg.QueryResult | undefined, changed: boolean): string {
    if (result?.rowCount !== null && result?.rowCount !== undefined) return String(result.rowCount);
    return changed ? "ok" : "0";
}

function refusalOf({ code = "", message, constraint }: pg.DatabaseError, attack: Attack): string {
    if (constraint !== undefined && constraint === attack.constraint) return "c";
    if (code !== "42501") return code;
    if (/row-level security/.test(message)) return "!";
    return /cannot be changed/.test(message) ? "~" : "-";
}

/** Errors and answers are searched for what only its owner may read. */
function leakTo(actor: Actor, result?: pg.QueryResult, error?: pg.DatabaseError): string | undefined {
    if (allSeeing.includes(actor.column)) return undefined;
    const text = JSON.stringify([
        result?.rows ?? [],
        error ? [error.message, error.detail, error.hint, error.where] : [],
    ]);
    return ["ada", "alan"].find(owner => owner !== actor.column && text.includes(secretOf(owner)));
}

function literal(text: string): string {
    return `'${text.replaceAll("'", "''")}'`;
}
