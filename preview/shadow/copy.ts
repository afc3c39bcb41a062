import type pg from "pg";
import { connected, type Environment } from "../../runner/database/connection.ts";
import { findTools, toolEnvironment } from "../../runner/backup/tools.ts";
import { runProgram } from "../../runner/backup/program.ts";
import { cutStatements, withoutLeadingComments } from "../../runner/migration/statementTexts.ts";
import { UserError } from "../../runner/userError.ts";

/** A statement that the shadow refused, with its words: what it makes is not there. */
export interface Refusal {
    readonly statement: string;
    readonly message: string;
}

/** What makes the target's objects, in an order that works. */
export interface CatalogScript {
    readonly by: "pg_dump" | "pg-delta";
    readonly statements: readonly string[];
    readonly notes: readonly string[];
}

/** How long pg_dump may wait for the lock that it takes on each table (the weakest), in milliseconds. */
const lockWaitMs = 5_000;

/** How long reading the whole catalog may take, in milliseconds. */
const readMs = 120_000;

/**
 * Has pg_dump write the target's schema, in a read-only transaction.
 *
 * @throws UserError when there is none that is new enough, or when this login may not dump
 */
export async function dumpSchema(environment: Environment, major: number): Promise<CatalogScript> {
    const tools = await findTools("server", major, { ...environment, PATH: environment.PATH ?? process.env.PATH });
    let script = "";
    const { exit, output } = await runProgram(
        tools.pgDump,
        [
            ...["--schema-only", "--no-password", `--lock-wait-timeout=${lockWaitMs}`, "--no-subscriptions"],
            ...["--no-security-labels", "--no-tablespaces", "--encoding=UTF8", "--quote-all-identifiers"],
        ],
        { ...toolEnvironment(environment, tools), PGAPPNAME: "simulation-db preview" },
        async stdout => {
            stdout.setEncoding("utf8");
            for await (const chunk of stdout as AsyncIterable<string>) script += chunk;
        },
    );
    if (exit !== 0) throw new UserError(`pg_dump: ${output.trim().split("\n")[0] ?? `exit code ${exit}`}`);
    const statements = cutStatements(forOlderServer(script)).map(withoutLeadingComments);
    return { by: "pg_dump", statements, notes: [] };
}

/** What psql alone understands, and settings that an older server than pg_dump's does not know. */
function forOlderServer(script: string): string {
    return script.replace(/^\\(un)?restrict .*$/gm, "").replace(/^SET transaction_timeout = 0;$/m, "");
}

/**
 * Has pg-delta work out what makes the target's catalog from an empty one. It reads catalogs that anybody may read, so
 * this works for a login without any privilege, with no program installed, and for each major.
 *
 * @param empty a client of the shadow's database, with the roles made
 */
export async function planSchema(environment: Environment, empty: pg.Client): Promise<CatalogScript> {
    const [{ extract }, { plan }] = await Promise.all([
        import("@supabase/pg-delta/extract"),
        import("@supabase/pg-delta/plan"),
    ]);
    return await connected(environment, "preview", async target => {
        await target.query(`set default_transaction_read_only = on; set statement_timeout = ${readMs}`);
        const there = await extract(asPool(target), { statementTimeoutMs: readMs });
        const here = await extract(asPool(empty), { statementTimeoutMs: readMs });
        const { actions } = plan(here.factBase, there.factBase);
        const notes = there.diagnostics
            .filter(({ code }) => code === "unmodeled_kind")
            .map(({ message }) => `pg-delta does not copy: ${message}`);
        const statements = actions.map(({ sql }) => sql).filter(sql => !aboutRoles.test(sql));
        return { by: "pg-delta", statements, notes };
    });
}

/** Roles belong to the whole server, which may be somebody else's: they are made otherwise, and never changed or dropped. */
const aboutRoles = /^\s*((create|alter|drop|comment on) role\b|(grant|revoke) (?!.*\son\s))/is;

/** The library wants a pool; one connection is all it gets. */
function asPool(client: pg.Client): pg.Pool {
    const query = client.query.bind(client);
    return { query, connect: () => Promise.resolve({ query, release() {} }) } as unknown as pg.Pool;
}

/** Out of room, shut down, or a fault of the system: PostgreSQL documentation, appendix A; none: it is gone. */
function isOfServer({ code = "" }: pg.DatabaseError): boolean {
    return code === "" || /^(53|57P|580)/.test(code);
}

/** How many statements are sent at once: what is refused costs the round trips of so many. */
const atOnce = 100;

/**
 * Runs the script on the shadow. What is refused is left out and told; it takes nothing else with it.
 *
 * @throws pg.DatabaseError when the server is full or going down: it may take the same statement another time
 */
export async function runScript(client: pg.Client, { statements }: CatalogScript): Promise<Refusal[]> {
    await client.query("set check_function_bodies = off; set client_min_messages = error");
    const refusal = (text: string) =>
        client.query(text).then(
            () => undefined,
            (error: pg.DatabaseError) => {
                if (isOfServer(error)) throw error;
                return error.message;
            },
        );
    let waiting: Refusal[] = [];
    for (let from = 0; from < statements.length; from += atOnce) {
        const part = statements.slice(from, from + atOnce);
        // A line of its own for the semicolon: a statement may end with a comment.
        if ((await refusal(part.join("\n;\n"))) === undefined) continue;
        waiting.push(...(await refusedOf(part)));
    }
    // What needs something that comes later works in the next round.
    for (let before = Infinity; waiting.length > 0 && waiting.length < before;) {
        before = waiting.length;
        waiting = await refusedOf(waiting.map(({ statement }) => statement));
    }
    return waiting;

    async function refusedOf(texts: readonly string[]): Promise<Refusal[]> {
        const left: Refusal[] = [];
        for (const statement of texts) {
            const message = await refusal(statement);
            if (message !== undefined) left.push({ statement, message });
        }
        return left;
    }
}
