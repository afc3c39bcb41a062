import { splitStatements } from "../../runner/migration/statements.ts";
import { type Node, nodesOf, strings } from "../../runner/migration/tree.ts";

/**
 * Whether a condition lets every row through, whatever is in it: `true`, `1 = 1`, `a or true`. Knows these forms only.
 *
 * @param isSignedIn whether whoever asks is `authenticated`: then `auth.uid() is not null` lets every row through, too
 */
export async function isAlwaysTrue(expression: string, isSignedIn: boolean): Promise<boolean> {
    return always(await parsed(expression), isSignedIn);
}

/**
 * Whether a condition looks at the row and at nothing else, so that it is the same for whoever asks: no table, no setting, no
 * function but PostgreSQL's and Storage's own. Not `false`, which holds for nobody.
 */
export async function isOfRowAlone(expression: string): Promise<boolean> {
    const value = await parsed(expression);
    if (value === undefined || inside(value).A_Const) return false;
    return [...nodesOf({ kind: "", node: { value } })].every(({ kind, node }) => {
        if (kind !== "FuncCall") return kind !== "SubLink" && kind !== "SQLValueFunction";
        const [schema, name] = strings(node.funcname);
        return name === undefined ? schema !== "current_setting" : ["storage", "pg_catalog"].includes(schema ?? "");
    });
}

async function parsed(expression: string): Promise<unknown> {
    const [statement] = await splitStatements(`select ${expression}`, "").catch(() => []);
    const [target] = (statement?.tree.targetList as { ResTarget?: { val?: unknown } }[] | undefined) ?? [];
    return target?.ResTarget?.val;
}

function always(value: unknown, isSignedIn: boolean): boolean {
    const node = inside(value);
    const constant = node.A_Const as { boolval?: { boolval?: boolean } } | undefined;
    if (constant?.boolval) return constant.boolval.boolval === true;
    const bool = node.BoolExpr as { boolop?: string; args?: unknown[] } | undefined;
    if (bool?.boolop === "OR_EXPR") return (bool.args ?? []).some(arg => always(arg, isSignedIn));
    if (bool?.boolop === "AND_EXPR") return (bool.args ?? []).every(arg => always(arg, isSignedIn));
    if (node.NullTest?.nulltesttype === "IS_NOT_NULL") return isSignedIn && asks(node.NullTest.arg, "auth.uid");
    const { kind, name, lexpr, rexpr } = node.A_Expr ?? {};
    if (kind !== "AEXPR_OP" || strings(name)[0] !== "=") return false;
    const [left, right] = [lexpr, rexpr].map(side => constantIn(side, isSignedIn));
    return left !== undefined && left === right;
}

/** What is cast, or stands alone in a subquery: `(select true)`. */
function inside(value: unknown): Record<string, Node | undefined> {
    const node = (value ?? {}) as Record<string, Node | undefined>;
    if (node.TypeCast) return inside(node.TypeCast.arg);
    const sub = node.SubLink as { subLinkType?: string; subselect?: { SelectStmt?: Node } } | undefined;
    const { targetList, fromClause, whereClause } = sub?.subselect?.SelectStmt ?? {};
    if (sub?.subLinkType !== "EXPR_SUBLINK" || fromClause !== undefined || whereClause !== undefined) return node;
    return inside((targetList as { ResTarget?: { val?: unknown } }[] | undefined)?.[0]?.ResTarget?.val);
}

function asks(value: unknown, name: string): boolean {
    return strings(inside(value).FuncCall?.funcname).join(".") === name;
}

/** Which constant it is, without its place; the role of who is signed in is one. */
function constantIn(value: unknown, isSignedIn: boolean): string | undefined {
    const constant = inside(value).A_Const;
    if (constant === undefined && isSignedIn && asks(value, "auth.role"))
        return textOf({ sval: { sval: "authenticated" } });
    return constant && textOf(constant);
}

function textOf(constant: Node): string {
    return JSON.stringify(constant, (key, value: unknown) => (key === "location" ? undefined : value));
}
