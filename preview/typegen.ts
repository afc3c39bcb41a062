import { generateTypescript, sortGeneratorMetadata } from "@supabase/postgrest-typegen/generation";
import { introspect } from "@supabase/postgrest-typegen/introspection";
import type pg from "pg";
import { UserError } from "../runner/userError.ts";

// The only module that knows the library behind `supabase gen types`: it is alpha, so its version is pinned exactly.

/** Says to supabase-js what the API understands (spread, aggregates, `maxAffected`); hosted projects have 13 or newer. */
const postgrestVersion = "13";

const head =
    "// Written by `npm run types`, and not by hand: the schema with all its migrations, for createClient<Database>().";

/**
 * The `Database` type of supabase-js for these schemas, the same text for the same schema.
 *
 * @throws UserError when one of them is not there
 */
export async function databaseType(client: pg.Client, schemas: readonly string[]): Promise<string> {
    await requireSchemas(client, schemas);
    const metadata = await introspect(oneByOne(client), { includedSchemas: [...schemas] });
    const [defaultSchema = "public"] = schemas;
    const text = await generateTypescript(sortGeneratorMetadata(metadata), {
        postgrestVersion,
        defaultSchema,
        detectOneToOneRelationships: true,
    });
    return `${head}\n\n${text.trim()}\n`;
}

/** The library asks for everything at once, as a pool could answer it; a single connection answers one after the other. */
function oneByOne(client: pg.Client): Parameters<typeof introspect>[0] {
    let last: Promise<unknown> = Promise.resolve();
    return {
        query(sql) {
            const answer = last.then(() => client.query(sql));
            last = answer.catch(() => {});
            return answer;
        },
    };
}

async function requireSchemas(client: pg.Client, schemas: readonly string[]): Promise<void> {
    const { rows } = await client.query<{ name: string }>(
        "select nspname as name from pg_catalog.pg_namespace where nspname !~ '^(pg_|simulation_db)' and nspname <> 'information_schema' order by 1",
    );
    const known = rows.map(({ name }) => name);
    const missing = schemas.filter(name => !known.includes(name));
    if (missing.length > 0) {
        throw new UserError(`there will be no schema ${missing.join(" and no schema ")}.`, [
            `schemas of the database: ${known.join(", ")}`,
        ]);
    }
}
