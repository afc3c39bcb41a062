import type pg from "pg";
import { type Statement, splitStatements } from "../../runner/migration/statements.ts";
import { parsed, type ServerError, underWay } from "./underWay.ts";

/** Statements in which others run: the parser sees a text, or nothing of it. */
const opaque = [
    "DoStmt",
    "SelectStmt",
    "CallStmt",
    "ExecuteStmt",
    "InsertStmt",
    "UpdateStmt",
    "DeleteStmt",
    "MergeStmt",
];

/** What a foreign key runs by itself. */
const ofForeignKey = / ONLY "[^\n]* OPERATOR\(pg_catalog\./;

/** What had run inside a statement when it failed. */
const ranBefore = new WeakMap<Error, string[]>();

/** Raised by PL/pgSQL code itself (PostgreSQL documentation, appendix A, class P0), or by its `raise` with any state. */
const raised = /^P000[1-4]$/;
const byRaise = "exec_stmt_raise";

/** What a look that finds nothing leads to: null where a value has to be, or a count of zero to divide by. */
const ofNothing = ["23502", "22004", "22012"];

/** A foreign key that finds no row to point at. */
const missingParent = /is not present in table "(.*)"/;

/**
 * Whether a statement failed for want of rows that the target has and the shadow has not: its code said so after it had
 * looked at such a table, or what it read there was null, or a foreign key points there. Then nobody knows what would
 * happen on the target.
 *
 * @param statement that failed
 * @param withRows tables that have rows on the target
 */
export async function missedRows(
    error: ServerError,
    statement: string,
    withRows: ReadonlySet<string>,
): Promise<boolean> {
    const { code = "", routine, detail = "" } = error;
    const [, parent] = code === "23503" ? (missingParent.exec(detail) ?? []) : [];
    if ([...withRows].some(table => table.slice(table.indexOf(".") + 1) === parent)) return true;
    if (!raised.test(code) && routine !== byRaise && !ofNothing.includes(code)) return false;
    const ran = (await Promise.all((ranBefore.get(error) ?? []).map(parsed))).flat();
    return [...ran, ...(await underWay(error, statement))].flatMap(tablesRead).some(table => withRows.has(table));
}

/**
 * Tells what ran inside a DO block or a function. The server counts statements also below the top level, with their
 * text (pg_stat_statements.track = all), and shows them to another session before the commit.
 */
export class InnerStatements {
    readonly #watcher: pg.Client;
    readonly #database: string;

    /** @param watcher a superuser in a database of its own, where the extension is installed */
    constructor(watcher: pg.Client, database: string) {
        this.#watcher = watcher;
        this.#database = database;
    }

    /** Runs the work; what it ran inside, when the statement is of a kind that hides it. */
    async during(kind: string, work: () => Promise<void>): Promise<string[] | undefined> {
        if (!opaque.includes(kind)) {
            await work();
            return undefined;
        }
        await this.#watcher.query("select pg_stat_statements_reset()");
        try {
            await work();
        } catch (error) {
            if (error instanceof Error) ranBefore.set(error, await this.#read());
            throw error;
        }
        return await this.#read();
    }

    async #read(): Promise<string[]> {
        const { rows } = await this.#watcher.query<{ query: string }>(
            `select distinct query from pg_stat_statements as s inner join pg_database as d on d.oid = s.dbid
             where d.datname = $1 and not s.toplevel`,
            [this.#database],
        );
        return rows.map(({ query }) => query).filter(query => !ofForeignKey.test(query));
    }
}

/** Of the tables whose files are new: those that were emptied, by the statement itself or by what ran inside. */
export async function truncatedOf(
    kind: string,
    inner: readonly string[],
    rewritten: readonly string[],
): Promise<string[]> {
    if (rewritten.length === 0) return [];
    if (kind === "TruncateStmt") return [...rewritten];
    const truncates = inner.filter(query => /^\s*truncate\b/i.test(query));
    if (truncates.length === 0) return [];
    // Without anything else that could make new files, all of them; the names also cover what cascades.
    if (!inner.some(query => /^\s*(alter|cluster|refresh|vacuum)\b/i.test(query))) return [...rewritten];
    const named = (await Promise.all(truncates.map(namesIn))).flat();
    return rewritten.filter(table => named.some(name => table === name || table.endsWith(`.${name}`)));
}

/** Of a table that they look at. An insert does not, unless it has something to say of a conflict. */
const changing = ["UpdateStmt", "DeleteStmt", "MergeStmt"];

/** The tables that a statement looks at, each in full. */
function tablesRead({ kind, tree }: Statement): string[] {
    const found: string[] = [];
    const visit = (node: unknown): void => {
        if (typeof node !== "object" || node === null) return;
        const { RangeVar: range } = node as { RangeVar?: { schemaname?: string; relname?: string } };
        if (range) found.push(`${range.schemaname ?? "public"}.${range.relname}`);
        for (const child of Object.values(node)) visit(child);
    };
    visit(tree);
    // What is changed stands there without its node's name.
    if (changing.includes(kind) || tree.onConflictClause) visit({ RangeVar: tree.relation });
    return found;
}

async function namesIn(query: string): Promise<string[]> {
    const [statement] = await splitStatements(query, "truncate").catch(() => []);
    const relations = (statement?.tree.relations ?? []) as { RangeVar?: { schemaname?: string; relname?: string } }[];
    return relations.map(({ RangeVar: r }) => [r?.schemaname, r?.relname].filter(part => part !== undefined).join("."));
}
