import type pg from "pg";
import { Skipped } from "./attempts.ts";

interface RequiredColumn {
    readonly name: string;
    readonly type: string;
    /** SQL of a value, null where none can be made up. */
    readonly value: string | null;
    /** SQL that reads a value which a foreign key takes. */
    readonly source: string | null;
}

/**
 * The insert of a run with a parameter for each of these columns, in this order. What else the project requires of a run,
 * whose table is older than the stack, is made up by type; whatever has a default is left to it, the id first of all.
 *
 * @param given a value of each column that the project has to take
 * @throws Skipped naming a column for which nothing can be made up, or the rule that refuses what was
 */
export async function insertOfRun(client: pg.Client, given: Readonly<Record<string, unknown>>): Promise<string> {
    await client.query("reset role; savepoint sample");
    try {
        const names = Object.keys(given);
        const values = names.map((_, index) => `$${index + 1}`);
        for (const { name, type, value, source } of await readRequired(client, names)) {
            const { rows } = source ? await client.query<{ value: string }>(source) : { rows: [{ value }] };
            const [found] = rows;
            if (!found?.value)
                throw new Skipped(
                    `public.simulation_runs.${name} is required, and no value of the type ${type} can be made up`,
                );
            names.push(name);
            values.push(`${found.value}::${type}`);
        }
        const insert = `insert into public.simulation_runs (${names.join(", ")}) values (${values.join(", ")})`;
        // As the owner of the table, whom no policy binds: what refuses it then are rules of the project.
        await client.query(insert, Object.values(given));
        return insert;
    } catch (error) {
        if (error instanceof Skipped) throw error;
        throw new Skipped(`no run could be made up: ${(error as Error).message}`);
    } finally {
        await client.query("rollback to savepoint sample");
    }
}

async function readRequired(client: pg.Client, given: readonly string[]): Promise<readonly RequiredColumn[]> {
    const { rows } = await client.query<RequiredColumn>(
        `select
            quote_ident(attname) as name,
            format_type(atttypid, atttypmod) as type,
            case
                when typname = 'uuid' then 'gen_random_uuid()'
                when typcategory = 'S' then 'left(gen_random_uuid()::text, 8)'
                -- A number that is taken would be refused.
                when attname = 'id' then null
                when typcategory = 'N' then '0'
                when typcategory = 'B' then 'false'
                when typcategory = 'D' then 'now()'
                when typcategory = 'E' then format('enum_first(null::%s)', format_type(atttypid, atttypmod))
                when typcategory = 'A' or typname in ('json', 'jsonb') then $$'{}'$$
            end as value,
            (
                select format('select quote_literal(%I) as value from %s limit 1', other.attname, confrelid::regclass)
                from pg_constraint
                join pg_attribute as other on other.attrelid = confrelid and other.attnum = confkey[1]
                where conrelid = run.attrelid and contype = 'f' and conkey = array[run.attnum]
                limit 1
            ) as source
         from pg_attribute as run
         join pg_type on pg_type.oid = atttypid
         where attrelid = 'public.simulation_runs'::regclass and attnum > 0 and not attisdropped
            and attnotnull and not atthasdef and attidentity = '' and attname <> all ($1)
         order by attnum`,
        [given],
    );
    return rows;
}
