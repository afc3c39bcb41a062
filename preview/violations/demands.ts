import { lastPart, tableOfColumn, typeOfColumn } from "../changes/aspect.ts";
import { compare } from "../changes/comparison.ts";
import { valueOfType } from "../changes/domain.ts";
import { columnList, columnsIn, readForeignKey } from "../changes/foreignKey.ts";
import { type Act, readActs, stepsOf } from "../findings/act.ts";
import { type AlterTableCommand, alterCommands, type RangeVar, strings } from "../../runner/migration/tree.ts";
import { type Names, namesOf, plain, renamesIn } from "../findings/names.ts";
import { viewsWritten } from "../findings/viewTables.ts";
import { Source } from "./source.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import type { Place, Trial } from "../trial/observation.ts";
import type { TableSize, TargetLook } from "../look/targetLook.ts";

/** What migrations that are pending, or rolled back, want of rows that the target has already. */
export interface Demand {
    readonly version: string;
    /** "way back": of a migration that is pending, when it is rolled back one day. */
    readonly part: Trial["part"] | "way back";
    /** As a person names it: `constraint runs_priced on public.runs`, `column public.runs.size`. */
    readonly object: string;
    /** `CHECK ((price > 0))`, `not null` */
    readonly definition: string;
    /** The table of the target, `schema.table`. */
    readonly table: string;
    /** The table that a foreign key points at; undefined for other kinds. */
    readonly parent?: string;
    readonly place?: Place;
    /** False: `not valid`, so old rows are not read. */
    readonly validated: boolean;
    /** Whether rows are, when it is checked, what they are now: nothing changes any before, nor archives them. */
    readonly settled: boolean;
    /** Selects one number, `rows`. */
    readonly query: string;
    /** What the migration wrote of it, to be looked through before the target computes it. */
    readonly expressions: readonly string[];
    /** Whether every row is at fault: a column comes `not null` and without a value. */
    readonly everyRow?: boolean;
}

/** What is demanded by trials, in their order. What is not demanded any more at the end of a file is left out. */
export async function demandsOf(trials: readonly Trial[], look: Pick<TargetLook, "tables" | "catalog">) {
    const demands: Demand[] = [];
    const earlier: Act[] = [];
    const views = new Map<string, readonly string[]>();
    for (const trial of trials) {
        const acts = await readActs(trial.statements);
        const renames = renamesIn(trials.slice(0, trials.indexOf(trial) + 1));
        for (const [view, tables] of await viewsWritten(acts, trial))
            views.set(view, [...(views.get(view) ?? []), ...tables]);
        const names = namesOf(look, renames, views);
        const kept = withoutLost(trial.before, acts, names);
        const { changed } = compare(kept, trial.after, renamesIn([trial]));
        for (const { kind, object, part = "", before, after } of changed) {
            const table = names.before(object);
            if (!look.tables.has(table) || after === null || trial.failure) continue;
            const at = placeOf(acts, table, part, names);
            const place = acts[at]?.observation.place;
            const needs = kind === "constraint" ? after : part;
            const isAlone = kind === "constraint" && isOfOwnRows(after, look.tables.get(table));
            const source = new Source({ table, name: object, needs, isAlone }, trial.after, look.catalog, names);
            const wanted =
                kind === "constraint"
                    ? ofConstraint(after, before, source, look.tables)
                    : kind === "column"
                      ? ofColumn(part, after, before, source, acts, names)
                      : undefined;
            if (wanted === undefined) continue;
            // A column that is null in the old rows may be filled anywhere in the file, and is not looked at otherwise.
            const end = at < 0 || wanted.isFillable ? acts.length : at + 1;
            const settled =
                !trials.slice(0, trials.indexOf(trial) + 1).some(takesRowsOut) &&
                // The statement itself as well: it may give a column other values before it looks at them.
                ![...earlier, ...acts.slice(0, end)].some(
                    act =>
                        mayChangeRows(act, names, wanted) ||
                        makesFunctionOf(act, wanted.definition) ||
                        loses(act, table, kind === "constraint" ? after : before === null ? "" : part, names),
                );
            if (wanted.isFillable && !settled) continue;
            demands.push({
                version: trial.version,
                part: trial.part,
                object: kind === "constraint" ? `constraint ${part} on ${object}` : `column ${object}.${part}`,
                table,
                ...(place ? { place } : {}),
                settled,
                ...wanted,
                expressions: [...wanted.expressions, ...source.defaults],
            });
        }
        earlier.push(...acts);
    }
    // Of one that is validated later the last word counts, and of a partition or a child that of the table it belongs to.
    const isLast = ({ object }: Demand, index: number) =>
        demands.findLastIndex(other => other.object === object) === index;
    return demands.filter(isLast).filter(({ table, definition }) => {
        const inherits = /^inherits (.*)$/m.exec(look.catalog.get(`table ${table}`) ?? "")?.[1];
        return !demands.some(
            other =>
                other.definition === definition &&
                !isOfOwnRows(definition, look.tables.get(other.table)) &&
                inherits?.split(", ").includes(other.table),
        );
    });
}

type Wanted = Pick<Demand, "definition" | "validated" | "query" | "expressions" | "parent" | "everyRow"> & {
    /** Of a new column that must not be null only later: it may have got its values by then. */
    readonly isFillable?: boolean;
};

const uniqueWords = new RegExp(`^(?:UNIQUE|PRIMARY KEY) (NULLS NOT DISTINCT )?${columnList}`);

/** Whether a constraint of a table looks at no rows of those that inherit from it; partitions have no others. */
function isOfOwnRows(definition: string, table: TableSize | undefined): boolean {
    return (
        table?.kind === "table" &&
        /^(?:UNIQUE|PRIMARY KEY|FOREIGN KEY) |^CHECK .* NO INHERIT(?: NOT VALID)?$/s.test(definition)
    );
}

/** Of a constraint that is new or says something else, or whose old rows are read from now on. */
function ofConstraint(
    after: string,
    before: string | null,
    source: Source,
    tables: TargetLook["tables"],
): Wanted | undefined {
    const validated = !/ NOT VALID$/.test(after);
    const definition = after.replace(/ NOT VALID$/, "");
    if (before === definition) return undefined;
    const check = /^CHECK \((.*)\)(?: NO INHERIT)?$/s.exec(definition)?.[1];
    if (check !== undefined) {
        const query = `select count(*) as rows from ${source.text} where (${check}) is false`;
        return { definition, validated, query, expressions: [check] };
    }
    const [, sameNulls, unique] = uniqueWords.exec(definition) ?? [];
    if (unique !== undefined) {
        const known = columnsIn(unique).map(column => `${column} is not null`);
        const counted = sameNulls ? source.text : `${source.text} where ${known.join(" and ")}`;
        const groups = `select count(*) as same from ${counted} group by ${unique} having count(*) > 1`;
        return {
            definition,
            validated,
            query: `select coalesce(sum(same - 1), 0) as rows from (${groups}) as g`,
            expressions: [],
        };
    }
    const key = readForeignKey(definition);
    if (key === undefined) return undefined;
    const { columns, parent, parentColumns, matchesFull } = key;
    const same = parentColumns.map((column, index) => `p.${column} = r.${columns[index]}`);
    // With `match full` a row may leave out all or nothing.
    const known = columns.map(column => `r.${column} is not null`).join(matchesFull ? " or " : " and ");
    const keys = isOfOwnRows(definition, tables.get(parent)) ? `only ${parent}` : parent;
    const query = `select count(*) as rows from ${source.text} where (${known}) and not exists (select from ${keys} as p where ${same.join(" and ")})`;
    return { definition, validated, query, expressions: [], parent };
}

/** Of a column that may not be null any more, or that comes without a value for the rows that are there. */
function ofColumn(
    part: string,
    after: string,
    before: string | null,
    source: Source,
    acts: readonly Act[],
    names: Names,
): Wanted | undefined {
    if (!/ not null\b/.test(after) || (before !== null && / not null\b/.test(before))) return undefined;
    const everyRow = before === null;
    if (everyRow && valueOfType(typeOfColumn(after), source.after) !== undefined) return undefined;
    const added = everyRow ? addedEmpty(part, source.table, acts, names) : undefined;
    if (everyRow && added === undefined) return undefined;
    const query = `select count(*) as rows from ${source.text}${everyRow ? "" : ` where r.${part} is null`}`;
    return {
        definition: "not null",
        validated: true,
        query,
        expressions: [],
        everyRow,
        isFillable: added === "nullable",
    };
}

/** How a statement adds the column and gives it no value; undefined: none does. */
function addedEmpty(
    column: string,
    table: string,
    acts: readonly Act[],
    names: Names,
): "not null" | "nullable" | undefined {
    const [found] = acts
        .flatMap(({ trees }) => trees)
        .filter(({ node }) => names.onTarget(node.relation as RangeVar | undefined) === table)
        .flatMap(alterCommands)
        .flatMap(({ subtype, def }) => {
            const added = def?.ColumnDef as
                | {
                      colname?: string;
                      typeName?: { names?: { String?: { sval?: string } }[] };
                      constraints?: { Constraint?: { contype?: string } }[];
                  }
                | undefined;
            if (subtype !== "AT_AddColumn" || added?.colname !== plain(column)) return [];
            const type = added.typeName?.names?.at(-1)?.String?.sval ?? "";
            const kinds = (added.constraints ?? []).map(({ Constraint }) => Constraint?.contype ?? "");
            const hasValue = kinds.some(kind =>
                ["CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED"].includes(kind),
            );
            if (hasValue || /serial/.test(type)) return [];
            return kinds.some(kind => kind === "CONSTR_NOTNULL" || kind === "CONSTR_PRIMARY") ? "not null" : "nullable";
        });
    return found;
}

const demanding = ["AT_AddConstraint", "AT_ValidateConstraint", "AT_SetNotNull", "AT_AddColumn"];

/**
 * Of the last statement that demands it by its name, else of the last that may have. They count from the first that
 * locks the table: those after it list no lock that is held already. -1: none.
 */
function placeOf(acts: readonly Act[], table: string, part: string, names: Names): number {
    const first = acts.findIndex(({ observation }) =>
        observation.locks.some(({ relation }) => names.before(relation) === table),
    );
    if (first < 0) return -1;
    const last = (isIt: (act: Act) => boolean) => acts.findLastIndex((act, index) => index >= first && isIt(act));
    const name = plain(part);
    const commands = ({ trees }: Act) =>
        trees
            .filter(({ node }) => names.onTarget(node.relation as RangeVar | undefined) === table)
            .flatMap(alterCommands);
    const isDemand = ({ subtype, name: named, def }: AlterTableCommand) =>
        demanding.includes(subtype) && [named, def?.Constraint?.conname, def?.ColumnDef?.colname].includes(name);
    const found = [
        last(act => commands(act).some(isDemand)),
        last(({ observation: { kind, place } }) => !rowChanges.includes(kind) && place.statement.includes(name)),
        last(act => commands(act).some(({ subtype }) => demanding.includes(subtype))),
        last(act => commands(act).length > 0),
        // Of a table that it is a partition of.
        last(({ trees }) => trees.some(({ kind }) => kind === "AlterTableStmt")),
    ];
    return found.find(at => at >= 0) ?? -1;
}

const rowChanges = ["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "CopyStmt"];

/**
 * Of any table that the target has: a cascade or a trigger reaches others. Also by a DO block or a function, whose loops
 * go over nothing on a shadow: when in doubt, yes.
 */
function mayChangeRows(act: Act, names: Names, { everyRow = false, isFillable = false }: Wanted): boolean {
    const { kind, place, truncated, rewritten } = act.observation;
    // What writes rows anew takes none out.
    if (truncated.length > 0 || (rewritten.length > 0 && (!everyRow || isFillable))) return true;
    if (
        kind === "DoStmt" &&
        /\b(?:insert|update|delete|merge|truncate|execute|perform|call)\b/i.test(place.statement)
    ) {
        return true;
    }
    if (kind === "CallStmt" || kind === "SelectStmt") return true;
    return stepsOf(act).some(
        ({ kind: inner, node }) =>
            rowChanges.includes(inner) && names.written(node.relation as RangeVar | undefined).length > 0,
    );
}

/** Before a down, those that its `archive-rows` find. */
function takesRowsOut({ part, archives }: Trial): boolean {
    return part === "down" && archives.some(({ where }) => where !== undefined);
}

/** Whether it drops the table, or a column that the definition names: what has its name then has none of its values. */
function loses({ observation }: Act, table: string, definition: string, names: Names): boolean {
    return observation.lost.some(({ kind, name }) => {
        if (kind === "table") return name === table;
        return tableOfColumn(names.before(name)) === table && definition.includes(lastPart(name));
    });
}

/** A catalog less the columns of the target that are dropped: one that is made again is a new one. */
function withoutLost(catalog: Catalog, acts: readonly Act[], names: Names): Catalog {
    const lost = acts.flatMap(({ observation }) => observation.lost.filter(({ kind }) => kind === "column"));
    const gone = new Set(lost.map(({ name }) => names.before(name)));
    if (gone.size === 0) return catalog;
    return new Map(
        [...catalog].filter(
            ([key]) => !key.startsWith("column ") || !gone.has(names.before(key.slice("column ".length))),
        ),
    );
}

/** Whether it makes a function anew that the definition calls: the target would compute it with the one of before. */
function makesFunctionOf({ trees }: Act, definition: string): boolean {
    return trees.some(({ kind, node }) => {
        const name = kind === "CreateFunctionStmt" ? strings(node.funcname).at(-1) : undefined;
        return name !== undefined && definition.includes(name);
    });
}
