import { type AlterTableCommand, type Node, nodesOf, strings } from "../../runner/migration/tree.ts";

/** An `alter column … type … using …`, taken apart. */
export interface Conversion {
    readonly column: string;
    readonly type: Node;
    readonly using: Node;
}

/** Functions that give back all that counts of an argument, in another form. */
const keeping = [
    ...["btrim", "ltrim", "rtrim", "lower", "upper", "text", "varchar", "concat", "timezone"],
    ...["to_json", "to_jsonb", "json_build_object", "jsonb_build_object", "json_build_array", "jsonb_build_array"],
    ...["string_to_array", "encode", "decode", "convert_from", "convert_to"],
];

/** Texts without a limit: a cast to them keeps a value of any type. */
const texts = ["text", "varchar"];

/** Of a command that gives a column another type by an expression. */
export function conversionOf({ subtype, name, def }: AlterTableCommand): Conversion | undefined {
    const { raw_default: using, typeName } = def?.ColumnDef ?? {};
    if (subtype !== "AT_AlterColumnType" || name === undefined || using === undefined) return undefined;
    return { column: name, type: (typeName ?? {}) as Node, using: using as Node };
}

/** Whether an expression names the column whose values it makes. */
export function takesUp({ column, using }: Conversion): boolean {
    return [...nodesOf({ kind: "", node: using })].some(
        ({ kind, node }) => kind === "ColumnRef" && isColumn(node, column),
    );
}

/**
 * Whether the old values can be told from the new ones as far as the new type holds them: it is the column, a cast of it,
 * or one of a few forms that are known to keep it. Of all others nobody knows.
 */
export function keepsValues({ column, type, using }: Conversion): boolean {
    return keeps(using);

    function keeps(value: unknown): boolean {
        const { ColumnRef, TypeCast, CollateClause, CoalesceExpr, A_ArrayExpr, FuncCall, A_Expr } = (value ??
            {}) as Record<string, Node | undefined>;
        if (ColumnRef) return isColumn(ColumnRef, column);
        if (TypeCast) return isHarmless((TypeCast.typeName ?? {}) as Node) && keeps(TypeCast.arg);
        if (CollateClause) return keeps(CollateClause.arg);
        // The column first: otherwise something else goes before it.
        if (CoalesceExpr) return keeps((CoalesceExpr.args as unknown[] | undefined)?.[0]);
        if (A_ArrayExpr) return someKeeps(A_ArrayExpr.elements);
        if (FuncCall) return isKeeping(FuncCall) && someKeeps(FuncCall.args);
        if (A_Expr?.kind === "AEXPR_NULLIF") return keeps(A_Expr.lexpr);
        return strings(A_Expr?.name).at(-1) === "||" && (keeps(A_Expr?.lexpr) || keeps(A_Expr?.rexpr));
    }

    function someKeeps(values: unknown): boolean {
        return Array.isArray(values) && values.some(keeps);
    }

    /** A cast to the column's new type, of which types.ts knows what it takes, or to a text that takes everything. */
    function isHarmless(to: Node): boolean {
        return isUnlimitedText(to) || sameType(to, type);
    }
}

/** What is too long for the new type is refused, unless the expression itself cuts it. */
export function cuts({ using }: Conversion): boolean {
    return typesCastTo(using).some(type => !isUnlimitedText(type));
}

/** Whether the expression makes a text of the value on its way. */
export function passesText({ using }: Conversion): boolean {
    return typesCastTo(using).some(isUnlimitedText);
}

function typesCastTo(expression: Node): Node[] {
    return [...nodesOf({ kind: "", node: expression })].flatMap(({ kind, node }) =>
        kind === "TypeCast" ? [(node.typeName ?? {}) as Node] : [],
    );
}

function isKeeping({ funcname, args }: Node): boolean {
    const name = strings(funcname).at(-1) ?? "";
    // Of seconds; a format may leave something out.
    return keeping.includes(name) || (name === "to_timestamp" && Array.isArray(args) && args.length === 1);
}

function isColumn({ fields }: Node, column: string): boolean {
    return strings(fields).at(-1) === column;
}

function isUnlimitedText({ names, typmods, arrayBounds }: Node): boolean {
    return typmods === undefined && arrayBounds === undefined && texts.includes(strings(names).at(-1) ?? "");
}

/** With or without its schema. */
function sameType(one: Node, other: Node): boolean {
    const told = ({ names, typmods, arrayBounds }: Node) =>
        JSON.stringify([strings(names).at(-1), typmods, arrayBounds], (key, value: unknown) =>
            // The server may have put $1 for a constant.
            key === "location" || key === "number" ? undefined : value,
        );
    return told(one) === told(other);
}
