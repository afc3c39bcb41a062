import type { FactBase } from "@supabase/pg-delta";
import type pg from "pg";

// What pg-delta says, in our words: it is an alpha. What a catalog is, as its facts, and what turns one into another; for a
// whole one preview/shadow/copy.ts asks it.

/** A catalog at one moment. */
export interface Facts {
    readonly base: FactBase;
    /** Kinds of objects that are there and that the library does not know; one sentence each. */
    readonly unknown: readonly string[];
}

/** One statement on the way from a catalog to another, in an order that works. */
export interface Step {
    readonly sql: string;
    readonly verb: "create" | "alter" | "drop";
    /** Tables that go with it, as `schema.name`. */
    readonly dropsTables: readonly string[];
    /** The table of which a constraint, index, policy or trigger goes with it. */
    readonly dropsFrom?: string;
}

/** How long one question about the catalog may take, in milliseconds. */
const readMs = 120_000;

/**
 * Reads the catalog of a session's database, also what its own open transaction has changed, whose settings stay.
 *
 * @param isOpen whether a transaction is open; otherwise one is made, which only reads
 */
export async function readFacts(client: pg.Client, { isOpen }: { isOpen: boolean }): Promise<Facts> {
    const { extract } = await import("@supabase/pg-delta/extract");
    if (!isOpen)
        return toFacts(
            await extract(
                poolOf(client, () => false),
                { statementTimeoutMs: readMs },
            ),
        );
    await client.query("savepoint facts");
    try {
        const isItsOwn = (text: string) => /^(BEGIN|COMMIT|ROLLBACK)/.test(text);
        return toFacts(await extract(poolOf(client, isItsOwn), { statementTimeoutMs: readMs }));
    } finally {
        await client.query("rollback to savepoint facts; release savepoint facts");
    }
}

/** What turns the first catalog into the second. A name that changed counts as one thing that went and one that came. */
export async function stepsBetween(from: Facts, to: Facts): Promise<Step[]> {
    const { plan } = await import("@supabase/pg-delta/plan");
    return plan(from.base, to.base).actions.map(({ sql, verb, destroys }) => {
        const ids = destroys as { kind: string; schema?: string; name?: string; table?: string }[];
        const tables = ids.flatMap(({ kind, schema, name }) => (kind === "table" ? `${schema}.${name}` : []));
        const [part] = ids.filter(({ kind }) => ["constraint", "policy", "trigger", "rule"].includes(kind));
        return { sql, verb, dropsTables: tables, ...(part ? { dropsFrom: `${part.schema}.${part.table}` } : {}) };
    });
}

function toFacts(extracted: { factBase: FactBase; diagnostics: readonly { code: string; message: string }[] }): Facts {
    const unknown = extracted.diagnostics.filter(({ code }) => code === "unmodeled_kind");
    return { base: extracted.factBase, unknown: unknown.map(({ message }) => message) };
}

/** The library wants a pool; one connection is all it gets. */
function poolOf(client: pg.Client, isLeftOut: (text: string) => boolean): pg.Pool {
    const query = (text: string, ...rest: unknown[]) =>
        isLeftOut(text)
            ? Promise.resolve({ rows: [] })
            : (client.query as (...all: unknown[]) => unknown).call(client, text, ...rest);
    return { query, connect: () => Promise.resolve({ query, release() {} }) } as unknown as pg.Pool;
}
