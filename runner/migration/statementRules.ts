import { type Statement, splitStatements } from "./statements.ts";
import { alterCommands, strings } from "./tree.ts";
import { UserError } from "../userError.ts";

/**
 * Checks that the runner can run a file as it promises: nothing in it may end the runner's own transaction, free its lock
 * or take the bound off what others wait for, and a file without a transaction may hold only statements whose effect can
 * be seen in the catalog, so that it can be resumed.
 *
 * @param how.isBounded nothing in it may take the bound off; not asked of what ran as it is, here or elsewhere
 * @throws UserError with file and line
 */
export async function requireRunnable(
    sql: string,
    file: string,
    { transactional, optional, isBounded }: { transactional: boolean; optional: boolean; isBounded: boolean },
): Promise<void> {
    const statements = await splitStatements(sql, file);
    if (statements.length === 0 && !optional) {
        throw new UserError(`${file} is empty: it holds no statement`);
    }
    // Hardly a file can name it, in letters or escaped; the trees of a large one are not gone through for that.
    const mayFreeLock = /pg_advisory_unlock_all|u&"/i.test(sql);
    for (const statement of statements) {
        const where = `${file}:${statement.line}`;
        if (statement.kind === "TransactionStmt") {
            throw new UserError(`${where}: begin, commit and rollback are the runner's: leave them out`);
        }
        const timeout = isBounded ? timeoutTakenOffBy(statement) : undefined;
        if (timeout !== undefined) {
            const head = file.endsWith("/down.sql") ? "down" : "up";
            throw new UserError(
                `${where}: without a ${timeout} others may wait for it without end: leave that out, or say "-- ${timeout.replace("_", "-")}: 5s" at the head of ${head}.sql`,
            );
        }
        // Also in the body of a do block or of a function.
        if (mayFreeLock && JSON.stringify(statement.tree).includes("pg_advisory_unlock_all")) {
            throw new UserError(
                `${where}: pg_advisory_unlock_all would free the lock that keeps two runs apart: unlock by key`,
            );
        }
        if (!transactional && resumption(statement) === undefined) {
            throw new UserError(
                `${where}: with "transaction: none" only create index concurrently, drop index concurrently and ` +
                    "alter table … validate constraint can be resumed after a crash; put other statements in a migration of their own",
            );
        }
        if (transactional && isConcurrent(statement)) {
            throw new UserError(
                `${where}: concurrently needs the directive "-- transaction: none" at the head of up.sql`,
            );
        }
    }
}

const timeouts = "lock_timeout|statement_timeout";
const setsConfig = new RegExp(`"set_config"\\}\\}\\],"args":\\[\\{"A_Const":\\{"sval":\\{"sval":"(${timeouts})"`, "i");

/** Which of the runner's own timeouts a statement sets for those after it, if any; a function may have its own. */
export function timeoutSetBy(statement: Statement): string | undefined {
    const { kind, text, tree } = statement;
    if (resetsAll(statement)) return "lock_timeout";
    const name = kind === "VariableSetStmt" ? String(tree.name) : undefined;
    if (name !== undefined) return new RegExp(`^(${timeouts})$`, "i").test(name) ? name : undefined;
    return kind === "SelectStmt" && /set_config/i.test(text) ? setsConfig.exec(JSON.stringify(tree))?.[1] : undefined;
}

/** `reset all`, which sets all settings to what they were at the login. */
export function resetsAll({ kind, tree }: Statement): boolean {
    return kind === "VariableSetStmt" && tree.kind === "VAR_RESET_ALL";
}

/** To nothing, to null, or to what it was at the login, which is none as a rule. */
const takesOff = /"ival":\{\}|"sval":"0+ *[a-z]*"|"isnull":true|"kind":"VAR_(RESET|RESET_ALL|SET_DEFAULT)"/;

/** The same of one that sets none at all. */
function timeoutTakenOffBy(statement: Statement): string | undefined {
    const timeout = timeoutSetBy(statement);
    return timeout !== undefined && takesOff.test(JSON.stringify(statement.tree)) ? timeout : undefined;
}

/** How a statement outside a transaction is taken up again after it was interrupted. */
export type Resumption =
    | { readonly kind: "create index"; readonly schema: string; readonly index: string }
    | { readonly kind: "drop index"; readonly schema: string; readonly index: string }
    /** May simply be run again: validating a valid constraint does nothing. */
    | { readonly kind: "validate"; readonly constraints: readonly string[] };

/** Undefined: the statement cannot be resumed. */
export function resumption(statement: Statement): Resumption | undefined {
    const { kind, tree } = statement;
    if (kind === "IndexStmt" && tree.concurrent === true) {
        const schema = (tree.relation as { schemaname?: string } | undefined)?.schemaname;
        return schema && typeof tree.idxname === "string"
            ? { kind: "create index", schema, index: tree.idxname }
            : undefined;
    }
    if (kind === "DropStmt" && tree.removeType === "OBJECT_INDEX" && tree.concurrent === true) {
        const names = nameParts(tree.objects);
        const [schema, index] = names;
        return names.length === 2 && schema && index ? { kind: "drop index", schema, index } : undefined;
    }
    if (kind === "AlterTableStmt") {
        const commands = alterCommands({ kind, node: tree });
        const validates = commands.every(({ subtype }) => subtype === "AT_ValidateConstraint");
        if (!validates || commands.length === 0) return undefined;
        return { kind: "validate", constraints: commands.map(({ name }) => name ?? "") };
    }
    return undefined;
}

function isConcurrent({ kind, tree }: Statement): boolean {
    return (kind === "IndexStmt" || kind === "DropStmt") && tree.concurrent === true;
}

/** The dotted name of the only object of a drop statement; empty when there are several. */
function nameParts(objects: unknown): string[] {
    const [only, ...more] = (objects as { List?: { items?: unknown } }[] | undefined) ?? [];
    return only && more.length === 0 ? strings(only.List?.items) : [];
}
