import {
    type Act,
    type AlterTableCommand,
    alterCommands,
    type Node,
    nodesOf,
    type RangeVar,
    type Tree,
} from "./act.ts";
import { type Finding, placed } from "./finding.ts";
import { liveSize } from "./live.ts";
import type { Scene } from "./scene.ts";

/**
 * Rows of the target that statements delete or overwrite, wherever they stand: in a common table expression, a DO block,
 * a function. A shadow has no rows, so this is read from the statements and not observed.
 */
export function rowFindings(scene: Pick<Scene, "acts" | "look" | "names">): Finding[] {
    const { acts, look, names } = scene;
    const found = acts.flatMap(act =>
        act.trees.flatMap(tree => [...nodesOf(tree)].flatMap(node => rowFinding(node, act) ?? [])),
    );
    // A function that runs a statement for each row says the same many times.
    const seen = new Set<string>();
    return found.filter(({ code, object, place }) => {
        const key = [code, object, place?.file, place?.line].join(" ");
        return !seen.has(key) && seen.add(key);
    });

    function rowFinding(tree: Tree, act: Act): Finding | undefined {
        const { kind, node } = tree;
        const table = names.onTarget(node.relation as RangeVar | undefined);
        if (table === undefined) return undefined;
        const finding = (code: string, words: string): Finding => ({
            code,
            level: "destructive",
            object: table,
            ...placed(act.observation.place),
            words: `${words} (${liveSize(look, table)})`,
            stops: true,
        });
        if (kind === "DeleteStmt" && !isFalse(node.whereClause)) {
            return finding(
                "rows-deleted",
                node.whereClause ? "rows are deleted, those that its condition finds" : "all rows are deleted",
            );
        }
        if (kind === "UpdateStmt" && !isFalse(node.whereClause)) {
            const columns = overwritten(table, node);
            if (columns.length === 0) return undefined;
            return finding(
                "rows-overwritten",
                `values of ${columns.join(", ")} are overwritten${node.whereClause ? " where its condition holds" : " in all rows"}`,
            );
        }
        const conflict = node.onConflictClause as { action?: string } | undefined;
        if (kind === "InsertStmt" && conflict?.action === "ONCONFLICT_UPDATE") {
            return finding("rows-overwritten", "values of rows with the same key are overwritten");
        }
        if (kind === "MergeStmt") {
            const clauses =
                (node.mergeWhenClauses as { MergeWhenClause?: { commandType?: string } }[] | undefined) ?? [];
            const actions = clauses.map(({ MergeWhenClause }) => MergeWhenClause?.commandType);
            if (actions.includes("CMD_DELETE")) return finding("rows-deleted", "rows are deleted by merge");
            if (actions.includes("CMD_UPDATE")) return finding("rows-overwritten", "values are overwritten by merge");
        }
        const converted = alterCommands(tree).find(replacesValues);
        if (converted && names.columnOnTarget(table, converted.name ?? "")) {
            return finding(
                "values-replaced",
                `values of ${converted.name} are replaced: its using does not take them up`,
            );
        }
        return undefined;
    }

    /** The columns that the target has now, and that are not merely filled where they are null. */
    function overwritten(table: string, { targetList, whereClause }: Node): string[] {
        const targets = (targetList as { ResTarget?: { name?: string } }[] | undefined) ?? [];
        const filled = provenNull(whereClause);
        return targets
            .flatMap(({ ResTarget }) => ResTarget?.name ?? [])
            .filter(name => names.columnOnTarget(table, name) !== undefined && !filled.includes(name));
    }
}

/** Columns of which the condition says that they are null: overwriting those loses nothing. */
function provenNull(where: unknown): string[] {
    const { NullTest: test, BoolExpr: bool } = (where ?? {}) as {
        NullTest?: Node;
        BoolExpr?: { boolop?: string; args?: unknown[] };
    };
    if (bool?.boolop === "AND_EXPR") return (bool.args ?? []).flatMap(provenNull);
    if (test?.nulltesttype !== "IS_NULL") return [];
    const name = columnNames(test.arg).at(-1);
    return name === undefined ? [] : [name];
}

/** The dotted names of a column reference, the column last. */
function columnNames(value: unknown): string[] {
    const fields =
        (value as { ColumnRef?: { fields?: { String?: { sval?: string } }[] } } | undefined)?.ColumnRef?.fields ?? [];
    return fields.flatMap(({ String: text }) => text?.sval ?? []);
}

function isFalse(where: unknown): boolean {
    const constant = (where as { A_Const?: { boolval?: { boolval?: boolean } } } | undefined)?.A_Const;
    return constant?.boolval !== undefined && constant.boolval.boolval !== true;
}

/** `alter column … type … using …` with an expression that does not name the column. */
function replacesValues({ subtype, name, def }: AlterTableCommand): boolean {
    const using = def?.ColumnDef?.raw_default;
    if (subtype !== "AT_AlterColumnType" || using === undefined || name === undefined) return false;
    const columns = [...nodesOf({ kind: "", node: using as Node })].filter(({ kind }) => kind === "ColumnRef");
    return !columns.some(({ node }) => columnNames({ ColumnRef: node }).at(-1) === name);
}
