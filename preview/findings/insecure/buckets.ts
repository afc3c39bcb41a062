import { columnsInOrder } from "../../changes/aspect.ts";
import { type Act, stepsOf } from "../act.ts";
import { type Node, type RangeVar, strings, type Tree } from "../../../runner/migration/tree.ts";
import { type Finding, insecure, note, placed } from "../finding.ts";
import type { Scene } from "../scene.ts";

/** Columns of storage.buckets that hold uploads to something (Supabase documentation, "Storage Buckets"). */
const limits = ["file_size_limit", "allowed_mime_types"];

/**
 * Buckets that SQL opens: the files of a public one can be read by whoever knows or guesses their address, past every
 * policy. A shadow has no rows, so this is read from the statements.
 */
export function bucketFindings({
    acts,
    look,
}: Pick<Scene, "acts"> & { look: Pick<Scene["look"], "catalog"> }): Finding[] {
    const columns = columnsInOrder(look.catalog, "storage.buckets");
    const found = acts.flatMap(act => stepsOf(act).flatMap(each => of(each, act, columns)));
    const seen = new Set<string>();
    return found.filter(({ code, place }) => {
        const key = `${code} ${place?.file} ${place?.line}`;
        return !seen.has(key) && seen.add(key);
    });
}

function of({ kind, node }: Tree, { observation }: Act, columns: readonly string[]): Finding[] {
    const { schemaname, relname } = (node.relation ?? {}) as RangeVar;
    if (schemaname !== "storage" || relname !== "buckets") return [];
    const set = kind === "UpdateStmt" ? targets(node.targetList) : [];
    const given = kind === "InsertStmt" ? inserted(node, columns) : set;
    const findings: Finding[] = [];
    const opening = given.filter(({ name, val }) => name === "public" && !isConstant(val, false));
    if (opening.length > 0) {
        // In a DO block the server puts $1 for a constant; what a query finds is not in the text either.
        const is = opening.some(({ val }) => isConstant(val, true)) ? "is made public" : "may be made public";
        const words = `${is}: whoever has the address of a file reads it, whatever the policies say`;
        findings.push({ ...insecure("bucket-opened", "storage.buckets", words), ...placed(observation.place) });
    }
    const changed = limits.filter(limit => set.some(({ name }) => name === limit));
    if (changed.length > 0) {
        const words = `${changed.join(" and ")} of a bucket are changed: other files can come in`;
        findings.push(note("bucket-limits-changed", "storage.buckets", words, observation.place));
    }
    return findings;
}

/** A column and what is written to it; undefined: not known. */
interface Target {
    readonly name?: string;
    readonly val?: Node;
}

/** What an insert puts in: of each row, or part of a union, by its place, and where the key is there already. */
function inserted({ cols, selectStmt, onConflictClause }: Node, columns: readonly string[]): Target[] {
    const named = targets(cols).flatMap(({ name }) => name ?? []);
    const order = named.length > 0 ? named : columns;
    const rows = rowsOf((selectStmt as { SelectStmt?: Node } | undefined)?.SelectStmt);
    const conflict = targets((onConflictClause as Node | undefined)?.targetList);
    return [
        ...rows.flatMap(row => {
            // What stands behind a star is anywhere.
            const star = row.findIndex(isStar);
            return order.flatMap((name, index): Target[] => {
                if (star >= 0 && index >= star) return [{ name }];
                const val = row[index];
                return val ? [{ name, val }] : [];
            });
        }),
        // `excluded.public` is what is put in.
        ...conflict.filter(({ val }) => strings((val?.ColumnRef as Node | undefined)?.fields)[0] !== "excluded"),
    ];
}

function rowsOf(select: Node | undefined): Node[][] {
    if (select === undefined) return [];
    const { valuesLists, targetList, larg, rarg } = select as {
        valuesLists?: { List?: { items?: Node[] } }[];
        targetList?: unknown;
        larg?: Node;
        rarg?: Node;
    };
    if (larg || rarg) return [...rowsOf(larg), ...rowsOf(rarg)];
    if (valuesLists) return valuesLists.map(({ List }) => List?.items ?? []);
    return [targets(targetList).map(({ val = {} }) => val)];
}

function isStar({ ColumnRef: column }: Node): boolean {
    const fields = ((column as Node | undefined)?.fields ?? []) as Node[];
    return fields.some(({ A_Star }) => A_Star !== undefined);
}

function targets(list: unknown): Target[] {
    const items = (list as { ResTarget?: Target }[] | undefined) ?? [];
    return items.flatMap(({ ResTarget }) => ResTarget ?? []);
}

/** The parser leaves a false value out of its node. */
function isConstant(value: Node | undefined, expected: boolean): boolean {
    const constant = value?.A_Const as { boolval?: { boolval?: boolean } } | undefined;
    return constant?.boolval !== undefined && (constant.boolval.boolval ?? false) === expected;
}
