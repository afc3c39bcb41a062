import { readAspect } from "../changes/aspect.ts";
import { readForeignKey } from "../changes/foreignKey.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { plain } from "./names.ts";
import type { Scene } from "./scene.ts";
import { typeName } from "./types.ts";

/** Types that have one equality. */
const sameEquality = [
    ["text", "character varying"],
    ["inet", "cidr"],
];

/**
 * Valid foreign keys that PostgreSQL makes again for a column's new type, on either side, and reads the rows that refer
 * for: it believes them only where the operator stays that compares the two columns (ATAddForeignKeyConstraint in
 * tablecmds.c).
 *
 * @param column of the target, by its full name
 * @returns the table whose rows are read, and the constraint's name without quotes
 */
export function keysMadeAgain(
    column: string,
    { trial, names }: Pick<Scene, "trial" | "names">,
): { readonly table: string; readonly constraint: string }[] {
    if (hasSameEquality()) return [];
    return [...trial.before].flatMap(([key, text]) => {
        const foreignKey = text.endsWith(" NOT VALID") ? undefined : readForeignKey(text);
        if (foreignKey === undefined) return [];
        const { object, part = "" } = readAspect(key);
        const { columns, parent, parentColumns } = foreignKey;
        const named = [...columns.map(name => `${object}.${name}`), ...parentColumns.map(name => `${parent}.${name}`)];
        const isNamed = named.some(name => names.before(name) === column);
        return isNamed ? [{ table: names.before(object), constraint: plain(part) }] : [];
    });

    function hasSameEquality(): boolean {
        const [was, is] = [typeIn(trial.before), typeIn(trial.after)];
        return (
            was !== undefined &&
            (was === is || sameEquality.some(types => [was, is].every(one => types.includes(one ?? ""))))
        );
    }

    function typeIn(catalog: Catalog): string | undefined {
        const isIt = (key: string) =>
            key.startsWith("column ") &&
            !key.startsWith("column order ") &&
            names.before(key.slice("column ".length)) === column;
        const [, definition] = [...catalog].find(([key]) => isIt(key)) ?? [];
        return definition === undefined ? undefined : typeName(definition, catalog).base;
    }
}
