import { typeOfColumn } from "../changes/aspect.ts";
import type { Catalog } from "../trial/observation.ts";
import { stepsOf } from "./act.ts";
import { alterCommands, type RangeVar } from "../../runner/migration/tree.ts";
import type { Finding } from "./finding.ts";
import { placed } from "./finding.ts";
import { liveSize } from "./live.ts";
import type { Scene } from "./scene.ts";
import { conversionOf, cuts } from "./using.ts";

/** A type without its length or precision, and those. */
interface TypeName {
    readonly base: string;
    readonly limits: readonly number[];
}

/** Types whose limit is a length, by what an explicit cast cuts. */
const lengths = [
    ["text", "character varying", "character"],
    ["bit varying", "bit"],
];

/** Whole numbers; those with a fraction, the exact ones first. */
const whole = ["smallint", "integer", "bigint"];
const fractions = ["numeric", "double precision", "real"];
const moments = ["timestamp with time zone", "timestamp without time zone"];
const times = [moments, ["time with time zone", "time without time zone"], ["interval"]];

/** Columns whose new type holds less than the old one: PostgreSQL rounds or cuts without a word. */
export function typeFindings({ acts, comparison, trial, look, names, targetName }: Scene): Finding[] {
    return comparison.changed.flatMap(({ kind, object, part, before, after }): Finding[] => {
        if (kind !== "column" || before === null || after === null) return [];
        const loss = lossOf(
            typeName(before, comparison.before),
            typeName(after, comparison.after),
            isCast(object, part ?? ""),
        );
        if (loss === undefined || !look.catalog.has(`column ${names.before(`${object}.${part}`)}`)) return [];
        const place = trial.statements.find(
            statement =>
                statement.kind === "AlterTableStmt" &&
                statement.locks.some(({ relation }) => targetName(relation, statement) === names.before(object)),
        )?.place;
        return [
            {
                code: "values-narrowed",
                level: "destructive",
                object: `${object}.${part}`,
                ...placed(place),
                words: `${typeOfColumn(before)} becomes ${typeOfColumn(after)}: ${loss} (${liveSize(look, names.before(object))})`,
                stops: true,
            },
        ];
    });

    /** Whether a `using` cuts the values. */
    function isCast(table: string, column: string): boolean {
        return acts.flatMap(stepsOf).some(tree =>
            alterCommands(tree).some(command => {
                const on = names.onTarget(tree.node.relation as RangeVar);
                const conversion = conversionOf(command);
                if (conversion === undefined || on === undefined) return false;
                const isMine = names.columnOnTarget(on, conversion.column) === names.before(`${table}.${column}`);
                return isMine && cuts(conversion);
            }),
        );
    }
}

/**
 * What gets lost between two types; undefined: nothing, or PostgreSQL refuses a value that does not fit.
 *
 * @param isCast the values are cast explicitly: one that is too long is cut then, and not refused
 */
function lossOf(from: TypeName, to: TypeName, isCast: boolean): string | undefined {
    const isLength = lengths.some(family => family.includes(from.base) && family.includes(to.base));
    if (isCast && isLength && (to.limits[0] ?? Infinity) < (from.limits[0] ?? Infinity)) return "values are cut";
    if (["integer", "bigint"].includes(from.base) && to.base === "real") return "values lose digits";
    if (from.base === "bigint" && to.base === "double precision") return "values lose digits";
    if (fractions.includes(from.base) && whole.includes(to.base)) return "values are rounded to whole numbers";
    if (from.base === "numeric" && ["double precision", "real"].includes(to.base)) return "values lose digits";
    if (from.base === "double precision" && to.base === "real") return "values lose digits";
    // Of pgvector, in whichever schema.
    if (/(?:^|\.)vector$/.test(from.base) && /(?:^|\.)halfvec$/.test(to.base)) return "values lose digits";
    if (
        from.base === "numeric" &&
        to.base === "numeric" &&
        to.limits.length > 0 &&
        (from.limits[1] ?? (from.limits.length > 0 ? 0 : Infinity)) > (to.limits[1] ?? 0)
    ) {
        return "values are rounded";
    }
    if (fractions.slice(1).includes(from.base) && to.base === "numeric" && to.limits.length > 0)
        return "values are rounded";
    if (moments.includes(from.base) && to.base === "date") return "the time of day goes";
    if (moments.includes(from.base) && to.base.startsWith("time ")) return "the date goes";
    const isTime = times.some(family => family.includes(from.base) && family.includes(to.base));
    if (isTime && (to.limits[0] ?? 6) < (from.limits[0] ?? 6)) return "fractions of a second are rounded";
    return undefined;
}

/** Of a column's definition in the catalog: `numeric(10,2) not null`. Of an array that of its elements, of a domain what it is over. */
export function typeName(definition: string, catalog: Catalog): TypeName {
    const text = typeOfColumn(definition).replace(/(?:\[\])+$/, "");
    const [, over] = /^owner \S+ domain (.*)$/s.exec(catalog.get(`type ${text}`) ?? "") ?? [];
    if (over !== undefined) return typeName(over.replace(/(?: not null)?(?: default .*)? \S+$/s, ""), catalog);
    const limits = /\(([\d,]+)\)/.exec(text)?.[1]?.split(",").map(Number) ?? [];
    return { base: text.replace(/\([\d,]+\)/, ""), limits };
}
