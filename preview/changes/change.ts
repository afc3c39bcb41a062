import type { ChangedAspect, Comparison } from "./comparison.ts";
import { tableOfColumn, tableOfIndex, tableOfSequence } from "./aspect.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { otherChange } from "./otherChange.ts";
import { relationChange } from "./relationChange.ts";

/** There now, gone, or not as it was. */
export type Sign = "+" | "-" | "~";

/** One aspect of an object in words: `+ column status text`. */
export interface Detail {
    readonly sign: Sign;
    readonly words: string;
}

/** What becomes of one object: the resulting change, never the statements that will be run. */
export interface ObjectChange {
    readonly sign: Sign;
    /** `table public.datasets`, `role reporting` */
    readonly object: string;
    /** What is worth knowing in one line; empty where the details say all. */
    readonly summary: string;
    /** Of an object that was there before and is there afterwards. */
    readonly details: readonly Detail[];
    /** The same as SQL where the catalog holds enough to write it, else as a comment. */
    readonly ddl: readonly string[];
}

/** What all aspects of one object changed to. */
export interface Group {
    readonly object: string;
    readonly aspects: readonly ChangedAspect[];
    readonly comparison: Comparison;
}

/** `+ table public.datasets: 12 columns, …` */
export function headline({ sign, object, summary }: ObjectChange): string {
    return `${sign} ${object}${summary ? `: ${summary}` : ""}`;
}

/** The resulting change, object by object: tables first, then by name. */
export function changesOf(comparison: Comparison): ObjectChange[] {
    // A new name is a change too, also when it is the only one.
    const renamed = comparison.renamed.map(({ kind, to }) => (kind === "table" ? to : tableOfColumn(to)));
    const groups = new Map<string, ChangedAspect[]>(renamed.map(name => [name, []]));
    for (const aspect of comparison.changed) {
        const object = groupOf(aspect, comparison);
        if (object !== aspect.object && comesWithItsSequence(aspect, comparison)) continue;
        groups.set(object, [...(groups.get(object) ?? []), aspect]);
    }
    return [...groups]
        .map(([object, aspects]) => ({ object, aspects, comparison }))
        .flatMap(group => relationChange(group) ?? otherChange(group))
        .sort((one, other) => rank(one.object) - rank(other.object) || (one.object < other.object ? -1 : 1));
}

/** Owner and grants of a column's sequence that came or went with the column. */
function comesWithItsSequence({ kind, object }: ChangedAspect, { before, after }: Comparison): boolean {
    return (
        (kind === "owner" || kind === "grants") && before.has(`sequence ${object}`) !== after.has(`sequence ${object}`)
    );
}

/** The object that a person would name for an aspect: of an index or an identity its table. */
function groupOf(aspect: ChangedAspect, { before, after }: Comparison): string {
    const definition = (key: string) => after.get(key) ?? before.get(key) ?? "";
    if (aspect.kind === "index") return tableOfIndex(definition(aspect.key)) ?? aspect.object;
    // A composite type is a relation to PostgreSQL, but not when it is granted.
    const composite = aspect.object.replace(/^type /, "");
    if (composite !== aspect.object && definition(`owner of composite type ${composite}`)) return composite;
    if (aspect.on === "index" || aspect.key.startsWith("options of index "))
        return tableOfIndex(definition(`index ${aspect.object}`)) ?? aspect.object;
    if (aspect.kind === "comment" && /^(function|procedure|aggregate) /.test(aspect.object)) {
        return functionOf(aspect.object, after) ?? functionOf(aspect.object, before) ?? aspect.object;
    }
    return tableOfSequence(definition(`sequence ${aspect.object}`)) ?? aspect.object;
}

/** The key of a function that a comment names by the types of its arguments alone. */
function functionOf(commented: string, catalog: Catalog): string | undefined {
    const [, name = "", types = ""] = /^\w+ (.*?)\((.*)\)$/s.exec(commented) ?? [];
    const candidates = [...catalog.keys()].filter(key => key.startsWith(`function ${name}(`) && key.endsWith(")"));
    const wanted = types.replaceAll("pg_catalog.", "").split(",").filter(Boolean);
    const fits = (key: string) => {
        const given = key.slice(`function ${name}(`.length, -1).split(", ").filter(Boolean);
        return given.length === wanted.length && wanted.every((type, index) => given[index]?.endsWith(type));
    };
    return candidates.length === 1 ? candidates[0] : candidates.find(fits);
}

function rank(object: string): number {
    const order = ["schema", "type", "table", "partitioned table", "view", "materialized view", "function"];
    const place = order.findIndex(kind => object.startsWith(`${kind} `));
    return place < 0 ? order.length : place;
}
