import type pg from "pg";
import { lineAt, type Statement, splitStatements } from "../migration/statements.ts";
import { newDownText } from "../migration/migration.ts";
import { recordedByUp } from "./settings.ts";
import { UserError } from "../userError.ts";

/** What PostgreSQL said of a statement of ours, with the place in the file. */
export class SqlError extends UserError {
    /** SQLSTATE; undefined when the connection broke instead. */
    readonly code: string | undefined;

    constructor(message: string, code: string | undefined, next: readonly string[]) {
        super(message, next);
        this.name = "SqlError";
        this.code = code;
    }
}

/** Whether the login lacks a privilege (42501): a preview's own login need not have any. */
export function isDenied(error: unknown): boolean {
    return (error as { code?: string }).code === "42501";
}

/** lock_not_available, deadlock_detected, serialization_failure: the next attempt may pass. */
export function isPassing(error: unknown): boolean {
    return ["55P03", "40P01", "40001"].includes((error as { code?: string }).code ?? "");
}

/** What follows each file in the same round trip: deferred constraints speak up while the file can still be named, and
 * the next statements are the runner's own again, whatever role the file took on. */
const ending = "set constraints all immediate; reset role";

/**
 * Runs a file's text in one round trip, inside the transaction of the caller.
 *
 * @param file named in errors
 * @param more what to do where it takes too long
 * @throws SqlError with file, line, statement and PostgreSQL's words
 */
export async function runFile(client: pg.Client, sql: string, file: string, more = moreTime(file)): Promise<void> {
    await run(client, `${sql}\n;${ending}`, async (error, done) =>
        sqlError(error, await splitStatements(sql, file).catch(() => []), done, sql, file, more),
    );
}

/**
 * Runs one statement of a file alone, as `concurrently` asks.
 *
 * @param file named in errors
 * @param more what to do where it takes too long
 * @throws SqlError with file, line, statement and PostgreSQL's words
 */
export async function runStatement(
    client: pg.Client,
    statement: Statement,
    file: string,
    more = moreTime(file),
): Promise<void> {
    await run(client, statement.text, async error => {
        const line = statement.line + (error.position ? lineAt(statement.text, Number(error.position) - 1) - 1 : 0);
        return describe(error, `${file}:${line}`, `statement: ${beginning(statement.text)}`, more);
    });
}

/** @param toError given what PostgreSQL said, and how many statements of the text had finished before */
async function run(
    client: pg.Client,
    sql: string,
    toError: (error: pg.DatabaseError, done: number) => Promise<SqlError>,
): Promise<void> {
    let done = 0;
    // pg keeps the number of finished statements to itself; the protocol message that ends each one does not.
    const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
    const count = () => {
        done += 1;
    };
    connection.on("commandComplete", count);
    try {
        await client.query(sql);
    } catch (error) {
        throw await toError(error as pg.DatabaseError, done);
    } finally {
        connection.off("commandComplete", count);
    }
}

/**
 * Words for what the server refused outside the files of migrations, where the database or its settings are the reason.
 * Anything else is returned as it is: a defect of ours.
 *
 * @param more what to do where it took too long
 */
export function inWords(error: unknown, more = moreTimeForRunner): unknown {
    if (error instanceof UserError || !(error instanceof Error)) return error;
    const { code = "", message } = error as Partial<pg.DatabaseError> & Error;
    if (connectionLost(error)) return new UserError(`the connection was lost: ${message}`, advice(error));
    // Privileges, locks and deadlocks, read-only, resources, timeouts, the system below.
    if (!/^(42501|55P03|40...|25006|53...|54...|57...|58...)$/.test(code)) return error;
    return new UserError(`PostgreSQL refused a step of the runner itself: ${message}\n  PostgreSQL: SQLSTATE ${code}`, [
        ...advice(error, more),
        ...(code === "42501" ? ["the runner logs in as the owner of the database's objects: postgres (PGUSER)"] : []),
    ]);
}

function sqlError(
    error: pg.DatabaseError,
    statements: readonly Statement[],
    done: number,
    sql: string,
    file: string,
    more: readonly string[],
): SqlError {
    // The server answers in batches: without its last word nobody knows how far it came.
    if (connectionLost(error) && error.code === undefined) return describe(error, file, undefined);
    if (statements.length > 0 && done >= statements.length) {
        return describe(error, file, "what it had deferred to the end of its transaction", more);
    }
    const position = error.position ? lineAt(sql, Number(error.position) - 1) : undefined;
    // The server parses the whole text before it runs the first statement.
    const index =
        error.code === "42601" && position !== undefined
            ? statements.findLastIndex(({ line }) => line <= position)
            : done;
    const statement = statements[index];
    return describe(
        error,
        `${file}:${position ?? statement?.line ?? 1}`,
        statement && `statement ${index + 1}: ${beginning(statement.text)}`,
        more,
    );
}

function describe(
    error: pg.DatabaseError,
    where: string,
    what: string | undefined,
    more?: readonly string[],
): SqlError {
    const said = [
        `${where}: ${connectionLost(error) ? `the connection was lost: ${error.message}` : error.message}`,
        ...(what ? [`  in ${what}`] : []),
        ...(error.code ? [`  PostgreSQL: SQLSTATE ${error.code}`] : []),
        ...(error.detail ? [`  detail: ${error.detail}`] : []),
        ...(error.hint ? [`  hint: ${error.hint}`] : []),
        ...(error.where ? [`  where: ${error.where.split("\n")[0]}`] : []),
    ];
    return new SqlError(said.join("\n"), error.code, advice(error, more));
}

/** Whether the session is over: the server ended it (class 57P), or the network did, which has no SQLSTATE. */
export function connectionLost(error: unknown): boolean {
    const { code, message = "" } = error as { code?: string; message?: string };
    if (code !== undefined && /^(57P0[1-5]|25P0[34]|08...)$/.test(code)) return true;
    return (
        /^(ECONNRESET|EPIPE|ETIMEDOUT)$/.test(code ?? "") ||
        /^Connection terminated|^Client has encountered a connection error|^Client was closed/.test(message)
    );
}

/** What gives it more time, where no file says how long it may take. */
const moreTimeByStack = (what: string) =>
    `${what} has more time with a higher statementTimeoutMs in Pulumi.STACK.yaml (from a shell: SIMULATION_DB_STATEMENT_TIMEOUT_MS)`;

/** The same for a step of the stack, with no file that could say more. */
export const moreTimeForStep: readonly string[] = [moreTimeByStack("a step of up or destroy"), recordedByUp];

/** The same for a verify.sql that `check` runs: the up.sql that goes with it is applied, and cannot be changed any more. */
export const moreTimeForCheck: readonly string[] = [moreTimeByStack("verify.sql")];

/** The same for what the runner does itself, mostly beside a migration and with its timeouts. */
const moreTimeForRunner: readonly string[] = [
    ...moreTimeForStep,
    'where the migration has a "-- statement-timeout", that goes first: a longer one helps, at the head of up.sql, or of down.sql on the way back',
];

/** The same for a file of a migration. verify.sql goes by the directives of up.sql, which nobody has applied yet. */
function moreTime(file: string): readonly string[] {
    const give = (part: string) => `give it more time, at the head of ${part}.sql: "-- statement-timeout: 30min"`;
    return file.endsWith("/down.sql") ? [give("down"), newDownText] : [give("up")];
}

/** What to do about an error, where that can be said. @param more when it took too long */
export function advice(
    error: Error & { readonly code?: string | undefined },
    more: readonly string[] = moreTimeForRunner,
): readonly string[] {
    if (connectionLost(error)) {
        return [
            "what was not committed is gone with the connection: run the same command again when the server answers",
        ];
    }
    if (error.code === "57014" && /statement timeout/.test(error.message)) {
        return more;
    }
    if (error.code === "25006") {
        return [
            "the database takes no writes: Supabase does that when its disk is full (dashboard, Database)",
            "or it is a read replica: databaseHost (PGHOST) must name the primary",
            "or the login only reads (default_transaction_read_only), as that of previews does: log in as postgres (PGUSER)",
        ];
    }
    return [];
}

function beginning(text: string): string {
    const [first = "", ...rest] = text.split("\n");
    return rest.length > 0 || first.length > 100 ? `${first.slice(0, 100)} …` : first;
}
