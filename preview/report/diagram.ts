import { columnsInOrder, lastPart, readAspect, typeOfColumn } from "../changes/aspect.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";

export type Mark = "new" | "gone" | "changed" | "same";

/** The tables that change and those that they point at. */
export interface Diagram {
    readonly tables: readonly DiagramTable[];
    readonly references: readonly DiagramReference[];
}

export interface DiagramTable {
    readonly name: string;
    readonly mark: Mark;
    readonly columns: readonly { readonly name: string; readonly type: string; readonly mark: Mark }[];
}

export interface DiagramReference {
    readonly from: string;
    readonly to: string;
    readonly name: string;
    readonly mark: Mark;
}

/** What is, what comes and what goes, of these tables and their neighbours by foreign keys. */
export function diagramOf(before: Catalog, after: Catalog, touched: ReadonlySet<string>): Diagram {
    const references = referencesOf(before, after).filter(({ from, to }) => touched.has(from) || touched.has(to));
    // Of neighbours only those that a touched table points at: everything may point at users.
    const shown = new Set([...touched, ...references.filter(({ from }) => touched.has(from)).map(({ to }) => to)]);
    return {
        tables: [...shown].sort().map(name => tableOf(before, after, name)),
        references: references.filter(({ from, to }) => shown.has(from) && shown.has(to)),
    };
}

function tableOf(before: Catalog, after: Catalog, name: string): DiagramTable {
    const was = isTable(before, name);
    const is = isTable(after, name);
    const names = [...new Set([...columnsInOrder(after, name), ...columnsInOrder(before, name)])];
    const columns = names.map(column => {
        const [old, now] = [before.get(`column ${name}.${column}`), after.get(`column ${name}.${column}`)];
        return { name: column, type: typeOf(now ?? old ?? ""), mark: markOf(old, now) };
    });
    const isChanged = columns.some(({ mark }) => mark !== "same");
    return { name, mark: !was && is ? "new" : was && !is ? "gone" : isChanged ? "changed" : "same", columns };
}

function isTable(catalog: Catalog, name: string): boolean {
    return catalog.has(`table ${name}`) || catalog.has(`partitioned table ${name}`);
}

function typeOf(definition: string): string {
    return typeOfColumn(definition).replace("timestamp with time zone", "timestamptz");
}

function markOf(before: string | undefined, after: string | undefined): Mark {
    if (before === undefined) return "new";
    if (after === undefined) return "gone";
    return before === after ? "same" : "changed";
}

function referencesOf(before: Catalog, after: Catalog): DiagramReference[] {
    const keys = new Set(
        [...before, ...after].flatMap(([key, text]) =>
            key.startsWith("constraint ") && text.startsWith("FOREIGN KEY ") ? key : [],
        ),
    );
    return [...keys].sort().flatMap(key => {
        const { object: from, part: name = "" } = readAspect(key);
        const [was, is] = [before.get(key), after.get(key)];
        const to = / REFERENCES (.+?)\(/.exec(is ?? was ?? "")?.[1];
        return to === undefined ? [] : [{ from, to, name: lastPart(name), mark: markOf(was, is) }];
    });
}
