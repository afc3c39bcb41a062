import { lastPart, typeOfColumn } from "../changes/aspect.ts";
import { valueOfType } from "../changes/domain.ts";
import type { Names } from "../findings/names.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";

/** The rows of a table of the target with the columns that it will have, as `r`. */
export class Source {
    readonly text: string;
    /** Of columns to come, which the target computes for the rows that it has. */
    readonly defaults: readonly string[];
    readonly table: string;
    readonly after: Catalog;

    /** @param of the table, with its name by then, the text that needs columns of it, and whether without its children */
    constructor(
        { table, name, needs, isAlone }: { table: string; name: string; needs: string; isAlone: boolean },
        after: Catalog,
        now: Catalog,
        names: Names,
    ) {
        this.table = table;
        this.after = after;
        const defaults: string[] = [];
        const added = [...after].flatMap(([key, definition]) => {
            const column = key.startsWith(`column ${name}.`) ? key.slice(`column ${name}.`.length) : undefined;
            if (column === undefined || !needs.includes(column) || now.has(`column ${table}.${column}`)) return [];
            const former = names.before(`${name}.${column}`);
            if (now.has(`column ${former}`)) return [`t.${lastPart(former)} as ${column}`];
            if (/ (?:identity|generated) /.test(definition)) return [];
            const type = typeOfColumn(definition);
            const value = after.get(`default of column ${name}.${column}`) ?? valueOfType(type, after) ?? "null";
            if (value !== "null") defaults.push(value);
            return [`cast(${value} as ${type}) as ${column}`];
        });
        this.defaults = defaults;
        const rows = isAlone ? `only ${table}` : table;
        this.text = added.length > 0 ? `(select t.*, ${added.join(", ")} from ${rows} as t) as r` : `${rows} as r`;
    }
}
