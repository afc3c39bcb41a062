import type { Session } from "../database/session.ts";
import { SqlError } from "../database/sqlError.ts";
import { setRunning } from "../ledger/unfinished.ts";
import type { Resumption } from "../migration/statementRules.ts";
import { UserError } from "../userError.ts";

/** How long a run that fails tries to take its INVALID index with it, in milliseconds. */
const cleanUpMs = 10_000;

/** What an index is: INVALID while it is built or dropped, and afterwards where that was interrupted. */
export async function indexState(
    { client }: Session,
    { schema, index }: { schema: string; index: string },
): Promise<"missing" | "invalid" | "valid"> {
    const { rows } = await client.query<{ valid: boolean }>(
        `select i.indisvalid and i.indisready and i.indislive as valid from pg_index i
         join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relname = $2`,
        [schema, index],
    );
    if (!rows[0]) return "missing";
    return rows[0].valid ? "valid" : "invalid";
}

/** Whether two steps are about one index. */
export function sameIndex(one: Resumption | undefined, other: Resumption): boolean {
    return (
        one !== undefined &&
        one.kind !== "validate" &&
        other.kind !== "validate" &&
        one.schema === other.schema &&
        one.index === other.index
    );
}

/**
 * Whether a statement's effect is there already. The INVALID index that an interrupted run left is dropped before.
 *
 * @param interrupted this very statement was running when a run ended
 * @param where file and line, for errors
 * @throws UserError when there is an index of that name which the migration did not make
 */
export async function isDone(
    session: Session,
    step: Resumption,
    interrupted: boolean,
    where: string,
    say: (line: string) => void,
): Promise<boolean> {
    if (step.kind === "validate") return false;
    const state = await indexState(session, step);
    if (step.kind === "drop index") return interrupted && state === "missing";
    if (state === "missing") return false;
    if (!interrupted) {
        throw new UserError(
            `${where}: there is an index ${step.schema}.${step.index} already, and this migration did not make it.`,
            ["give the new index another name, or drop or rename the one that is there"],
        );
    }
    if (state === "valid") return true;
    say(
        `the index ${step.schema}.${step.index} was left INVALID by an interrupted run: dropping it and building it again`,
    );
    await session.client.query(`drop index concurrently ${quoted(session.client, step)}`);
    return false;
}

/**
 * After a statement that PostgreSQL refused: the INVALID index that it left costs every write, so it goes at once. When
 * the connection is gone as well, or old transactions keep it, the next attempt or run sees to it.
 *
 * @returns whether nothing is left of it
 */
export async function cleanUp(
    session: Session,
    step: Resumption,
    error: unknown,
    say: (line: string) => void,
): Promise<boolean> {
    const { client } = session;
    if (!(error instanceof SqlError) || error.code === undefined) return false;
    try {
        if (step.kind === "create index" && !isDuplicate(error) && (await indexState(session, step)) === "invalid") {
            await client.query(`set statement_timeout = ${cleanUpMs}`);
            await client.query(`drop index concurrently ${quoted(client, step)}`);
        }
        if (step.kind !== "drop index" || (await indexState(session, step)) !== "invalid") {
            await setRunning(session, null);
            return true;
        }
    } catch {
        if (step.kind === "create index") {
            say(`the index ${step.schema}.${step.index} stays INVALID for now: the next run drops it`);
        }
    }
    return false;
}

/** duplicate_table: somebody else was quicker with an index of that name. */
function isDuplicate({ code }: SqlError): boolean {
    return code === "42P07";
}

/** The name of an index, for SQL. */
export function quoted(client: Session["client"], { schema, index }: { schema: string; index: string }): string {
    return `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(index)}`;
}
