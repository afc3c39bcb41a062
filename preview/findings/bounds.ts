import { readAspect } from "../changes/aspect.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";

/**
 * Whether valid checks of a table say what its bounds as a partition do, so that PostgreSQL reads no row to attach it
 * (documentation of ALTER TABLE). Known is the usual form: a range of one column, each bound and `is not null` a term of
 * its own. Of any other no is the answer.
 *
 * @param isPartition whether a name in one of the catalogs is that of the table
 * @param isParent the same for the partitioned table
 * @param isAnew whether a constraint of that name is not the one that was there before
 */
export function provesBounds(
    { before, after }: { readonly before: Catalog; readonly after: Catalog },
    isPartition: (name: string) => boolean,
    isParent: (name: string) => boolean,
    isAnew: (constraint: string) => boolean,
): boolean {
    const bounds = definitionOf(after, isPartition);
    const [, from, to] = /^partition FOR VALUES FROM \(([^,()]+)\) TO \(([^,()]+)\)$/m.exec(bounds) ?? [];
    const column = /^partition by RANGE \(([^,() ]+)\)$/m.exec(definitionOf(after, isParent))?.[1];
    if (from === undefined || to === undefined || column === undefined) return false;
    const said = [...before].flatMap(([key, text]) => {
        if (!/^(?:column|constraint) /.test(key)) return [];
        const { kind, object, part = "" } = readAspect(key);
        if (!isPartition(object)) return [];
        if (kind === "column" && part === column && text.includes(" not null")) return [`${column} IS NOT NULL`];
        return kind === "constraint" && !isAnew(part) ? termsOf(text) : [];
    });
    return [
        `${column} IS NOT NULL`,
        ...(from === "MINVALUE" ? [] : [`${column} >= ${from}`]),
        ...(to === "MAXVALUE" ? [] : [`${column} < ${to}`]),
    ].every(term => said.includes(term));
}

function definitionOf(catalog: Catalog, isIt: (name: string) => boolean): string {
    return [...catalog].find(([key]) => isIt(/^(?:partitioned )?table (.*)$/s.exec(key)?.[1] ?? ""))?.[1] ?? "";
}

/** What all hold of a valid check, without the types of constants. */
function termsOf(check: string): string[] {
    const condition = /^CHECK \((.*)\)$/s.exec(check)?.[1] ?? "";
    if (/ OR |\bNOT \(|\bCASE\b/.test(condition)) return [];
    return condition.split(" AND ").map(term => term.replaceAll(/^\(+|\)+$/g, "").replace(/::[a-z ]+$/, ""));
}
