import type { Catalog } from "../../runner/catalog/catalog.ts";
import { type Act, stepsOf } from "./act.ts";
import { alterCommands, type Node, type RangeVar, strings, type Tree } from "../../runner/migration/tree.ts";
import { followersOf, type Reference, referencesOf } from "./cascade.ts";
import { constraintWords } from "./constraintWords.ts";
import { type Finding, placed } from "./finding.ts";
import { liveSize } from "./live.ts";
import { plain } from "./names.ts";
import type { Scene } from "./scene.ts";
import { conversionOf, keepsValues, takesUp } from "./using.ts";

/**
 * Rows of the target that statements delete or overwrite, wherever they stand: in a common table expression, a DO block,
 * a function. A shadow has no rows, so this is read from the statements and not observed.
 */
export function rowFindings(scene: Pick<Scene, "acts" | "look" | "names" | "trial">): Finding[] {
    const { acts, look, names, trial } = scene;
    let references: ReturnType<typeof foreignKeys> | undefined;
    const found = acts.flatMap(act =>
        stepsOf(act).flatMap(tree =>
            names.written(tree.node.relation as RangeVar | undefined).flatMap(table => rowFindingsOf(table, tree, act)),
        ),
    );
    // A function that runs a statement for each row says the same many times.
    const seen = new Set<string>();
    return found.filter(({ code, object, place }) => {
        const key = [code, object, place?.file, place?.line].join(" ");
        return !seen.has(key) && seen.add(key);
    });

    /** Of a deletion, with what goes in other tables. */
    function rowFindingsOf(table: string, tree: Tree, act: Act): Finding[] {
        const own = rowFinding(table, tree, act);
        if (own?.code !== "rows-deleted") return own ? [own] : [];
        const followers = followersOf(table, referencesAt(act)).map(({ table: object, of, goes, columns }): Finding => {
            const words = goes
                ? `rows are deleted by cascade, those that refer to deleted ones of ${of}`
                : `values of ${columns} are taken out where they refer to deleted rows of ${of}`;
            const code = goes ? "rows-deleted" : "rows-overwritten";
            return { ...own, code, object, words: `${words} (${liveSize(look, object)})` };
        });
        return [own, ...followers];
    }

    /** The foreign keys that hold when a statement runs, and those that the file does not name: when they do, is not known. */
    function referencesAt(act: Act): Reference[] {
        references ??= foreignKeys();
        const { before, after, words } = references;
        const at = acts.indexOf(act);
        const wordsOn = ({ table, constraint }: Reference) =>
            words.filter(word => word.table === table && word.constraint === plain(constraint));
        return [
            ...before.filter(reference => !wordsOn(reference).some(word => word.at <= at)),
            ...after.filter(reference => {
                const said = wordsOn(reference);
                return said.length === 0 || said.findLast(word => word.at <= at)?.makes === true;
            }),
        ];
    }

    /** Of the target's tables, before the file and after it, and what the file says of them. */
    function foreignKeys() {
        const ofTarget = (catalog: Catalog) =>
            referencesOf(catalog)
                .map(one => ({ ...one, table: names.before(one.table), of: names.before(one.of) }))
                .filter(({ table }) => look.tables.has(table));
        return {
            before: ofTarget(trial.before),
            after: ofTarget(trial.after),
            words: constraintWords(acts, names),
        };
    }

    function rowFinding(table: string, tree: Tree, act: Act): Finding | undefined {
        const { kind, node } = tree;
        const view = viewOf(node);
        const finding = (code: string, words: string): Finding => ({
            code,
            level: "destructive",
            object: table,
            ...placed(act.observation.place),
            words: `${words}${view === undefined ? "" : `, through the view ${view}`} (${liveSize(look, table)})`,
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
        const replaced = alterCommands(tree)
            .flatMap(command => conversionOf(command) ?? [])
            .filter(conversion => names.columnOnTarget(table, conversion.column) && !keepsValues(conversion));
        if (replaced.length === 0) return undefined;
        const columns = replaced.map(({ column }) => column).join(", ");
        const why = replaced.some(takesUp)
            ? "what using makes of them may say less"
            : "its using does not take them up";
        return finding("values-replaced", `values of ${columns} are replaced: ${why}`);
    }

    /** The view through which a statement writes to a table. */
    function viewOf({ relation }: Node): string | undefined {
        const named = relation as RangeVar | undefined;
        return names.onTarget(named) === undefined ? named?.relname : undefined;
    }

    /** The columns that the target has now, and that are not merely filled where they are null. */
    function overwritten(table: string, node: Node): string[] {
        const targets = (node.targetList as { ResTarget?: { name?: string } }[] | undefined) ?? [];
        const filled = provenNull(node.whereClause, node);
        return (
            targets
                .flatMap(({ ResTarget }) => ResTarget?.name ?? [])
                // A view may call a column something else.
                .filter(name => viewOf(node) !== undefined || names.columnOnTarget(table, name) !== undefined)
                .filter(name => !filled.includes(name))
        );
    }
}

/** Columns of which the condition of an update says that they are null: overwriting those loses nothing. */
function provenNull(where: unknown, update: Node): string[] {
    const { NullTest: test, BoolExpr: bool } = (where ?? {}) as {
        NullTest?: Node;
        BoolExpr?: { boolop?: string; args?: unknown[] };
    };
    if (bool?.boolop === "AND_EXPR") return (bool.args ?? []).flatMap(arg => provenNull(arg, update));
    if (test?.nulltesttype !== "IS_NULL") return [];
    const [name, ...table] = columnNames(test.arg).reverse();
    return name !== undefined && isOfTarget(table.reverse().join("."), update) ? [name] : [];
}

/** Whether what stands before a column's name means what the update changes, and not something in its FROM. */
function isOfTarget(qualifier: string, { relation, fromClause }: Node): boolean {
    const { schemaname, relname, alias } = relation as RangeVar & { alias?: { aliasname?: string } };
    if (qualifier === "") return fromClause === undefined;
    return alias ? qualifier === alias.aliasname : [relname, `${schemaname}.${relname}`].includes(qualifier);
}

/** The dotted names of a column reference, the column last. */
function columnNames(value: unknown): string[] {
    return strings((value as { ColumnRef?: { fields?: unknown } } | undefined)?.ColumnRef?.fields);
}

function isFalse(where: unknown): boolean {
    const constant = (where as { A_Const?: { boolval?: { boolval?: boolean } } } | undefined)?.A_Const;
    return constant?.boolval !== undefined && constant.boolval.boolval !== true;
}
