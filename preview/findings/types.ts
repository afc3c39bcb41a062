import { typeOfColumn } from "../changes/aspect.ts";
import { readDomain } from "../changes/domain.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { stepsOf } from "./act.ts";
import { alterCommands, type RangeVar } from "../../runner/migration/tree.ts";
import type { Finding } from "./finding.ts";
import { placed } from "./finding.ts";
import { liveSize } from "./live.ts";
import type { Scene } from "./scene.ts";
import { type Conversion, conversionOf, cuts, passesText } from "./using.ts";

/** A type without its length or precision, and those. */
interface TypeName {
    readonly base: string;
    readonly limits: readonly number[];
}

const texts = ["text", "character varying", "character"];
/** Types whose limit is a length, by what an explicit cast cuts. */
const lengths = [texts, ["bit varying", "bit"]];

/** Whole numbers; those with a fraction, the exact ones first. */
const whole = ["smallint", "integer", "bigint"];
const inexact = ["double precision", "real"];
const fractions = ["numeric", ...inexact];
const moments = ["timestamp with time zone", "timestamp without time zone"];
const times = [moments, ["time with time zone", "time without time zone"], ["interval"]];

/** Columns whose new type holds less than the old one: PostgreSQL rounds or cuts without a word. */
export function typeFindings({ acts, comparison, trial, look, names, targetName }: Scene): Finding[] {
    return comparison.changed.flatMap(({ kind, object, part, before, after }): Finding[] => {
        if (kind !== "column" || before === null || after === null) return [];
        const loss = lossOf(
            typeName(before, comparison.before),
            typeName(after, comparison.after),
            conversionsOf(object, part ?? ""),
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

    /** What a `using` says of the values. */
    function conversionsOf(table: string, column: string): Conversion[] {
        return acts.flatMap(stepsOf).flatMap(tree =>
            alterCommands(tree).flatMap(command => {
                const on = names.onTarget(tree.node.relation as RangeVar);
                const conversion = conversionOf(command);
                if (conversion === undefined || on === undefined) return [];
                const isMine = names.columnOnTarget(on, conversion.column) === names.before(`${table}.${column}`);
                return isMine ? conversion : [];
            }),
        );
    }
}

/** What gets lost between two types; undefined: nothing, or PostgreSQL refuses a value that does not fit. */
function lossOf(from: TypeName, to: TypeName, conversions: readonly Conversion[]): string | undefined {
    // A text that is too long is cut then, and not refused; to most types it comes by a cast only.
    const isCast = conversions.some(cuts);
    const isLength = lengths.some(family => family.includes(from.base) && family.includes(to.base));
    if (isCast && isLength && (to.limits[0] ?? Infinity) < (from.limits[0] ?? Infinity)) return "values are cut";
    if (isCast && texts.includes(from.base)) return lossOfText(to);
    if (isCast && from.base === "integer" && to.base === "boolean") return "all but 0 become true";
    if (["integer", "bigint"].includes(from.base) && to.base === "real") return "values lose digits";
    if (from.base === "bigint" && to.base === "double precision") return "values lose digits";
    // By way of text PostgreSQL refuses a fraction.
    if ([...fractions, "jsonb"].includes(from.base) && whole.includes(to.base) && !conversions.some(passesText))
        return "values are rounded to whole numbers";
    if (["numeric", "jsonb"].includes(from.base) && inexact.includes(to.base)) return "values lose digits";
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
    if ([...inexact, "jsonb"].includes(from.base) && to.base === "numeric" && to.limits.length > 0)
        return "values are rounded";
    // DBL_DIG and FLT_DIG: the cast takes the digits that are sure, the text all that tell one value from the next.
    if (inexact.includes(from.base) && to.base === "numeric" && !conversions.some(passesText))
        return `values keep ${from.base === "real" ? 6 : 15} digits, and all by way of text`;
    if (moments.includes(from.base) && to.base === "date") return "the time of day goes";
    if (moments.includes(from.base) && to.base.startsWith("time ")) return "the date goes";
    if (from.base === "interval" && to.base.startsWith("time ")) return "whole days go";
    const isTime = times.some(family => family.includes(from.base) && family.includes(to.base));
    if (isTime && (to.limits[0] ?? 6) < (from.limits[0] ?? 6)) return "fractions of a second are rounded";
    return undefined;
}

/** What a cast from text takes without a word, and does not keep. */
function lossOfText({ base, limits }: TypeName): string | undefined {
    if (inexact.includes(base)) return "values lose digits";
    if (base === "numeric" && limits.length > 0) return "values are rounded";
    if (base === "date") return "a time of day goes";
    if (base === "time without time zone") return "a date and an offset go";
    if (base === "time with time zone") return "a date goes";
    if (base === "timestamp without time zone") return "an offset goes";
    return times.flat().includes(base) && limits.length > 0 ? "fractions of a second are rounded" : undefined;
}

/** Of a column's definition in the catalog: `numeric(10,2) not null`. Of an array that of its elements, of a domain what it is over. */
export function typeName(definition: string, catalog: Catalog): TypeName {
    const text = typeOfColumn(definition).replace(/(?:\[\])+$/, "");
    const domain = readDomain(text, catalog);
    if (domain !== undefined) return typeName(domain.over, catalog);
    const limits = /\(([\d,]+)\)/.exec(text)?.[1]?.split(",").map(Number) ?? [];
    return { base: text.replace(/\([\d,]+\)/, ""), limits };
}
