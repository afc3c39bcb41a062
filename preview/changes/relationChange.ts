import type { Detail, Group, ObjectChange, Sign } from "./change.ts";
import type { ChangedAspect, Comparison } from "./comparison.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { relationDdl } from "./ddl.ts";
import { policyInWords, readPolicy } from "./policy.ts";
import { gained, inWords, privilegesOf } from "./privileges.ts";
import { readTrigger } from "./trigger.ts";
import { lastPart } from "./aspect.ts";

const kinds = [
    "table",
    "partitioned table",
    "view",
    "materialized view",
    "foreign table",
    "sequence",
    "composite type",
] as const;

/** What a relation of this name is, in PostgreSQL's words; undefined when the catalog has none. */
export function relationKind(catalog: Catalog, name: string): (typeof kinds)[number] | undefined {
    return kinds.find(kind => catalog.has(kind === "composite type" ? `owner of ${kind} ${name}` : `${kind} ${name}`));
}

/** The change of a table, view or sequence; undefined: the group is none of them. */
export function relationChange(group: Group): ObjectChange[] | undefined {
    const { object, comparison } = group;
    const { before, after } = comparison;
    const was = relationKind(before, object);
    const is = relationKind(after, object);
    if (was === undefined && is === undefined) return undefined;
    if (was === is && is !== undefined) {
        const details = detailsOf(group);
        if (details.length === 0) return [];
        return [{ sign: "~", object: `${is} ${object}`, summary: "", details, ddl: relationDdl(group, "~") }];
    }
    // A table that became a view of the same name is gone all the same.
    return [...(was ? [whole(group, "-", was, before)] : []), ...(is ? [whole(group, "+", is, after)] : [])];
}

function whole(group: Group, sign: "+" | "-", kind: string, catalog: Catalog): ObjectChange {
    return {
        sign,
        object: `${kind} ${group.object}`,
        summary: summaryOf(group, kind, catalog),
        details: [],
        ddl: relationDdl(group, sign),
    };
}

/** `12 columns, RLS on, 4 policies; authenticated may select, insert` */
function summaryOf({ object, aspects }: Group, kind: string, catalog: Catalog): string {
    const mine = aspects.filter(({ key }) => catalog.has(key));
    const count = (wanted: ChangedAspect["kind"]) => mine.filter(aspect => aspect.kind === wanted).length;
    const owner = catalog.get(`owner of ${kind} ${object}`);
    const parts = [
        counted(count("column"), "column"),
        rowSecurity(catalog, object),
        counted(count("policy"), "policy", "policies"),
        counted(count("index"), "index", "indexes"),
        counted(mine.filter(({ key }) => catalog.get(key)?.startsWith("FOREIGN KEY")).length, "foreign key"),
        counted(count("trigger"), "trigger"),
        kind === "view" && catalog.get(`options of view ${object}`)?.includes("security_invoker")
            ? "security invoker"
            : "",
    ];
    const grants = mine
        .filter(aspect => aspect.kind === "grants" && aspect.column === undefined && aspect.part !== owner)
        .filter(aspect => aspect.object === object)
        .map(aspect => `${grantee(aspect.part)} may ${inWords(privilegesOf(catalog.get(aspect.key)))}`);
    return [parts.filter(Boolean).join(", "), ...grants].filter(Boolean).join("; ");
}

function rowSecurity(catalog: Catalog, object: string): string {
    const state = catalog.get(`row level security of ${object}`);
    return state === undefined ? "" : `RLS ${state}`;
}

function detailsOf({ object, aspects, comparison }: Group): Detail[] {
    const renamed = comparison.renamed
        .filter(({ kind, to }) => (kind === "table" ? to === object : to.startsWith(`${object}.`)))
        .map(({ kind, from, to }): Detail => {
            const names = kind === "table" ? `${from} → ${to}` : `${lastPart(from)} → ${lastPart(to)}`;
            return { sign: "~", words: kind === "table" ? `name ${names}` : `name of column ${names}` };
        });
    return [...renamed, ...withCommentsAsOne(aspects.flatMap(aspect => detailOf(aspect, comparison) ?? []))].sort(
        (one, other) => detailRank(one) - detailRank(other),
    );
}

/** Comments run no code: many of them are one line. */
function withCommentsAsOne(details: readonly Detail[]): Detail[] {
    const comments = details.filter(({ words }) => words.startsWith("comment"));
    if (comments.length < 2) return [...details];
    const on = comments.map(({ words }) => /^comment on (\S+?)(?::|$)/.exec(words)?.[1] ?? "itself");
    const [{ sign } = { sign: "~" as Sign }] = comments;
    const isSame = comments.every(comment => comment.sign === sign);
    const rest = details.filter(detail => !comments.includes(detail));
    return [...rest, { sign: isSame ? sign : "~", words: `comments on ${on.join(", ")}` }];
}

function detailRank({ words }: Detail): number {
    const order = ["name", "column", "default", "constraint", "index", "row level", "policy", "trigger"];
    const place = order.findIndex(kind => words.startsWith(kind));
    return place < 0 ? order.length : place;
}

/** One aspect of a relation that stays; undefined where another aspect says it already. */
function detailOf(aspect: ChangedAspect, comparison: Comparison): Detail | undefined {
    const { kind, part = "", before, after, object } = aspect;
    const sign: Sign = before === null ? "+" : after === null ? "-" : "~";
    const now = after ?? before ?? "";
    const say = (words: string): Detail => ({ sign, words: words.replaceAll(/\s+/g, " ").trim() });
    const columnKey = `column ${object}.${part}`;
    switch (kind) {
        case "column": {
            const state = (catalog: Catalog, text: string | null) => withDefault(catalog, object, part, text);
            const text = state(comparison.after, after);
            if (sign === "~") return say(`column ${part}: ${state(comparison.before, before)} → ${text}`);
            return say(`column ${part} ${sign === "+" ? text : readable(before)}`);
        }
        case "default":
            // Said with the column, when that changes too.
            if (comparison.before.get(columnKey) !== comparison.after.get(columnKey)) return undefined;
            return say(`default of ${part}: ${before ?? "none"} → ${after ?? "none"}`);
        case "storage":
            if (!comparison.before.has(columnKey) || !comparison.after.has(columnKey)) return undefined;
            return say(`storage of ${part}: ${before} → ${after}`);
        case "column order":
            return isOrderNews(before, after) ? say(`order of columns: ${after}`) : undefined;
        case "constraint":
            if (before === `${after} NOT VALID`) return say(`constraint ${part} validated`);
            return say(`constraint ${part}${sign === "~" ? `: ${before} → ${after}` : ` ${now}`}`);
        case "index": {
            const name = lastPart(object);
            // A key's own index is there because of the key.
            const table = tableOf(comparison, aspect);
            if (
                table &&
                (comparison.after.has(`constraint ${name} on ${table}`) ||
                    comparison.before.has(`constraint ${name} on ${table}`))
            )
                return undefined;
            return say(`index ${name}${sign === "~" ? `: ${shape(before)} → ${shape(after)}` : ` ${shape(now)}`}`);
        }
        case "policy": {
            const words = (text: string | null) => (text === null ? "" : policyInWords(readPolicy(text)));
            return say(`policy ${part}: ${sign === "~" ? `${words(before)} → ${words(after)}` : words(now)}`);
        }
        case "row level security":
            return say(`row level security: ${before ?? "off"} → ${after ?? "off"}`);
        case "trigger": {
            const [was, is] = [readTrigger(before), readTrigger(after)];
            if (was.text === is.text) return say(`trigger ${part}: ${was.words} → ${is.words}`);
            return say(
                `trigger ${part}${sign === "~" ? ": changed" : ` ${/(BEFORE|AFTER|INSTEAD OF) [A-Z ,]*?(?= ON | OF )/.exec(now)?.[0].toLowerCase() ?? ""}`}`,
            );
        }
        case "grants":
            return grantDetail(aspect);
        case "owner":
            return say(`owner: ${before ?? "nobody"} → ${after ?? "nobody"}`);
        case "comment":
            return say(
                `comment${aspect.column ? ` on ${aspect.column}` : part ? ` on ${part}` : ""}${sign === "-" ? "" : `: ${after}`}`,
            );
        case "published":
            return say(`in publication ${part}${now ? ` (${now})` : ""}`);
        case "relation":
            return say(definitionWords(before ?? "", after ?? ""));
        case "options":
            // Of an index they stand in its definition.
            if (aspect.key.startsWith("options of index ")) return undefined;
            return say(`options: ${before ?? "none"} → ${after ?? "none"}`);
        default:
            return say(
                `${aspect.key.replace(` of ${object}`, "")}${sign === "~" ? `: ${before} → ${after}` : ` ${now}`}`,
            );
    }
}

/** The lines that differ; of a view whose query is another one, that it is. */
function definitionWords(before: string, after: string): string {
    const [old, now] = [before.split("\n"), after.split("\n")];
    const word = (line: string) => line.replace("persistence p", "logged").replace("persistence u", "unlogged");
    const less = old.filter(line => !now.includes(line)).map(word);
    const more = now.filter(line => !old.includes(line)).map(word);
    if ([...less, ...more].some(line => /^ *(select|with|from) |;$/i.test(line))) return "query";
    return `definition: ${less.join(", ") || "nothing"} → ${more.join(", ") || "nothing"}`;
}

function tableOf({ before, after }: Comparison, { key }: ChangedAspect): string | undefined {
    return / ON (?:ONLY )?(\S+) USING /.exec(after.get(key) ?? before.get(key) ?? "")?.[1];
}

/** `anon may select` / `anon may no longer select`; a detail of a change has one of the two, or both. */
export function grantDetail({ part, before, after, column, key }: ChangedAspect): Detail {
    const more = gained(before, after);
    const less = gained(after, before);
    const on = column ? ` column ${column}` : "";
    const words = [
        more.length > 0 ? `may ${inWords(more)}${on}` : "",
        less.length > 0 ? `may no longer ${inWords(less)}${on}` : "",
    ].filter(Boolean);
    const sign = less.length === 0 && more.length > 0 ? "+" : more.length === 0 && less.length > 0 ? "-" : "~";
    // By whom it was granted, or whether it may be granted on.
    const rest = words.length > 0 ? words.join(", ") : `${key}: ${before} → ${after}`;
    return { sign, words: words.length > 0 ? `${grantee(part)} ${rest}` : rest };
}

/** Whom PostgreSQL calls PUBLIC is everybody who can log in, anon included. */
export function grantee(name = ""): string {
    return name === "public" ? "everybody (PUBLIC)" : name;
}

function withDefault(catalog: Catalog, object: string, column: string, text: string | null): string {
    const value = catalog.get(`default of column ${object}.${column}`);
    if (value === undefined || text === null) return readable(text);
    if (text.includes(" generated ")) return `${readable(text)} as ${value}`;
    return `${readable(text)} default ${value}`;
}

/** With words for the letters of the system catalog. */
function readable(column: string | null): string {
    return (column ?? "")
        .replace("identity a", "generated always as identity")
        .replace("identity d", "generated by default as identity")
        .replace(/generated s$/, "generated, stored")
        .replace(/generated v$/, "generated, virtual");
}

/** What an index is on: from its method on, which everybody takes for granted when it is btree. */
function shape(definition: string | null): string {
    const [, unique, rest = ""] = /^CREATE (UNIQUE )?INDEX .*? USING (.*)$/s.exec(definition ?? "") ?? [];
    return `${unique ? "unique " : ""}${rest.replace(/^btree /, "")}`;
}

/** Whether the order says more than that columns came at the end or went. */
export function isOrderNews(before: string | null, after: string | null): boolean {
    if (before === null || after === null) return false;
    const [old, now] = [before.split(", "), after.split(", ")];
    const stayed = old.filter(name => now.includes(name));
    return now.slice(0, stayed.length).join() !== stayed.join();
}

function counted(count: number, one: string, many = `${one}s`): string {
    return count === 0 ? "" : `${count} ${count === 1 ? one : many}`;
}
