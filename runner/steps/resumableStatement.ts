import { noticeGoneMs } from "../database/fresh.ts";
import type { Session } from "../database/session.ts";
import type { Directives } from "../migration/directives.ts";
import { hashOf } from "../migration/migration.ts";
import type { Resumption } from "../migration/statementRules.ts";
import type { Statement } from "../migration/statements.ts";

/** The stack's timeouts, or those that the directives say, for one statement that can be resumed. */
export async function setTimeouts(
    { client, settings }: Session,
    directives: Directives,
    step: Resumption,
): Promise<void> {
    // `concurrently` waits for old transactions with a lock that stops no reads or writes: a lock timeout would only
    // leave an INVALID index (PostgreSQL documentation, CREATE INDEX, "Building Indexes Concurrently").
    const lockTimeoutMs = step.kind === "validate" ? (directives.lockTimeoutMs ?? settings.lockTimeoutMs) : 0;
    const statementTimeoutMs = directives.statementTimeoutMs ?? settings.statementTimeoutMs;
    await client.query(
        `set lock_timeout = ${lockTimeoutMs}; set statement_timeout = ${statementTimeoutMs};
         set client_connection_check_interval = ${noticeGoneMs}`,
    );
}

/** What each statement is known by in the progress: its text, and how often the same text stood before it. */
export function keysOf(statements: readonly Statement[]): string[] {
    const seen = new Map<string, number>();
    return statements.map(({ text }) => {
        const before = seen.get(text) ?? 0;
        seen.set(text, before + 1);
        return hashOf(before === 0 ? text : `${text}\n-- ${before}`);
    });
}

/** What these make, drop and validate, as the catalog names it. */
export async function namesOf({ client }: Session, steps: readonly Resumption[]): Promise<string[]> {
    const indexes = steps.filter(step => step.kind !== "validate");
    const constraints = steps.flatMap(step => (step.kind === "validate" ? step.constraints : []));
    const { rows } = await client.query<{ name: string }>(
        `select format('index %I.%I', schema, index) as name from unnest($1::text[], $2::text[]) as each (schema, index)
         union all
         -- That of a partitioned table is one of each partition.
         select format('constraint %I on %I.%I', o.conname, n.nspname, c.relname)
         from pg_catalog.pg_constraint as o inner join pg_catalog.pg_class as c on c.oid = o.conrelid
         inner join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
         where o.conname = any ($3)`,
        [indexes.map(({ schema }) => schema), indexes.map(({ index }) => index), constraints],
    );
    return rows.map(({ name }) => name);
}
