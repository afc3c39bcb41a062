import { splitStatements } from "../../runner/migration/statements.ts";
import type { Node } from "./act.ts";

/** Whether a condition lets every row through, whatever is in it: `true`, `1 = 1`, `a or true`. Knows these forms only. */
export async function isAlwaysTrue(expression: string): Promise<boolean> {
    const [statement] = await splitStatements(`select ${expression}`, "").catch(() => []);
    const [target] = (statement?.tree.targetList as { ResTarget?: { val?: unknown } }[] | undefined) ?? [];
    return always(target?.ResTarget?.val);
}

function always(value: unknown): boolean {
    const node = (value ?? {}) as Record<string, Node | undefined>;
    const constant = node.A_Const as { boolval?: { boolval?: boolean } } | undefined;
    if (constant?.boolval) return constant.boolval.boolval === true;
    const bool = node.BoolExpr as { boolop?: string; args?: unknown[] } | undefined;
    if (bool?.boolop === "OR_EXPR") return (bool.args ?? []).some(always);
    if (bool?.boolop === "AND_EXPR") return (bool.args ?? []).every(always);
    if (node.TypeCast) return always(node.TypeCast.arg);
    const sub = node.SubLink as
        | { subLinkType?: string; subselect?: { SelectStmt?: { targetList?: { ResTarget?: { val?: unknown } }[] } } }
        | undefined;
    // (select true)
    if (sub?.subLinkType === "EXPR_SUBLINK") return always(sub.subselect?.SelectStmt?.targetList?.[0]?.ResTarget?.val);
    const comparison = node.A_Expr as
        { kind?: string; name?: { String?: { sval?: string } }[]; lexpr?: Node; rexpr?: Node } | undefined;
    if (comparison?.kind !== "AEXPR_OP" || comparison.name?.[0]?.String?.sval !== "=") return false;
    const [left, right] = [comparison.lexpr?.A_Const, comparison.rexpr?.A_Const].map(withoutPlace);
    return left !== undefined && left === right;
}

function withoutPlace(constant: unknown): string | undefined {
    return constant === undefined
        ? undefined
        : JSON.stringify(constant, (key, value: unknown) => (key === "location" ? undefined : value));
}
