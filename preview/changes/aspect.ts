import type { Catalog } from "../../runner/catalog/catalog.ts";

/** An SQL identifier as quote_ident writes it: the source of a regular expression. */
export const identifier = '(?:"(?:[^"]|"")+"|[^\\s".(),]+)';
const relationKinds = "table|partitioned table|view|materialized view|foreign table";

export type AspectKind =
    | "relation"
    | "owner"
    | "row level security"
    | "options"
    | "toast options"
    | "replica identity"
    | "sequence"
    | "column order"
    | "column"
    | "default"
    | "storage"
    | "constraint"
    | "triggers of constraint"
    | "trigger"
    | "rule"
    | "policy"
    | "index"
    | "grants"
    | "default privileges"
    | "comment"
    | "published"
    /** The thing itself, of a kind that is no relation: `function …`, `role …`, `extension …`. */
    | "object";

/** One row of the catalog, taken apart. */
export interface Aspect {
    readonly key: string;
    readonly kind: AspectKind;
    /** What a person would name: `public.datasets` for whatever belongs to a relation, else with its kind: `role anon`. */
    readonly object: string;
    /** Column, constraint, trigger, rule, policy or index; the grantee of grants. */
    readonly part?: string;
    /** The column that grants or a comment are about. */
    readonly column?: string;
    /** What a comment is on, in PostgreSQL's words. */
    readonly on?: string;
}

type Reading = readonly [pattern: RegExp, read: (groups: Record<string, string>) => Omit<Aspect, "key">];

/** `R` stands for a relation's name, `I` for an identifier. */
function pattern(text: string): RegExp {
    return new RegExp(
        `^${text.replaceAll("{R}", `(?<relation>${identifier}\\.${identifier})`).replaceAll("{I}", `(?<part>${identifier})`)}$`,
        "s",
    );
}

const ofRelation = (kind: AspectKind) => (groups: Record<string, string>) => ({
    kind,
    object: groups.relation ?? "",
    ...(groups.part ? { part: groups.part } : {}),
});

/** The forms of the keys in runner/catalog/objects.sql and others.sql. The first that fits counts. */
const readings: readonly Reading[] = [
    [pattern(`(?:${relationKinds}) {R}`), ofRelation("relation")],
    [pattern(`owner of (?:${relationKinds}|sequence|composite type) {R}`), ofRelation("owner")],
    [pattern("row level security of {R}"), ofRelation("row level security")],
    [pattern(`options of (?:${relationKinds}|sequence|index) {R}`), ofRelation("options")],
    [pattern("toast options of {R}"), ofRelation("toast options")],
    [pattern("replica identity of {R}"), ofRelation("replica identity")],
    [pattern("sequence {R}"), ofRelation("sequence")],
    [pattern("column order of {R}"), ofRelation("column order")],
    [pattern("column {R}\\.{I}"), ofRelation("column")],
    [pattern("default of column {R}\\.{I}"), ofRelation("default")],
    [pattern("storage of column {R}\\.{I}"), ofRelation("storage")],
    [
        pattern("constraint {I} on type {R}"),
        ({ relation, part = "" }) => ({ kind: "constraint", object: `type ${relation}`, part }),
    ],
    [pattern("constraint {I} on {R}"), ofRelation("constraint")],
    [pattern("triggers of constraint {I} on {R}"), ofRelation("triggers of constraint")],
    [pattern("trigger {I} on {R}"), ofRelation("trigger")],
    [pattern("rule {I} on {R}"), ofRelation("rule")],
    [pattern("policy {I} on {R}"), ofRelation("policy")],
    [pattern("index {R}"), ofRelation("index")],
    [
        pattern(`grants on column {R}\\.(?<column>${identifier}) to {I}`),
        groups => ({ ...ofRelation("grants")(groups), column: groups.column ?? "" }),
    ],
    [pattern(`grants on (?:${relationKinds}|sequence) {R} to {I}`), ofRelation("grants")],
    [pattern("grants on (?<object>.+) to {I}"), ({ object = "", part = "" }) => ({ kind: "grants", object, part })],
    [
        pattern(`(?<object>default privileges of ${identifier} in (?:all schemas|${identifier}) on .)(?: to {I})?`),
        ({ object = "", part }) => ({ kind: "default privileges", object, ...(part ? { part } : {}) }),
    ],
    [
        pattern(`comment on (?<on>(?:${relationKinds}|composite type) column) {R}\\.{I}`),
        ({ relation = "", part = "", on = "" }) => ({ kind: "comment", object: relation, column: part, on }),
    ],
    [
        pattern("comment on (?<on>table constraint|policy|trigger|rule) {I} on {R}"),
        ({ relation = "", part = "", on = "" }) => ({ kind: "comment", object: relation, part, on }),
    ],
    [
        pattern(`comment on (?<on>${relationKinds}|index|sequence) {R}`),
        ({ relation = "", on = "" }) => ({ kind: "comment", object: relation, on }),
    ],
    [pattern("comment on (?<object>.+)"), ({ object = "" }) => ({ kind: "comment", object, on: object })],
    [pattern("publication {I} of {R}"), ofRelation("published")],
    [pattern("owner of (?<object>the database)"), ({ object = "" }) => ({ kind: "owner", object })],
    [pattern("(?<object>function .+) as aggregate"), ({ object = "" }) => ({ kind: "object", object })],
];

/** Takes a key of the catalog apart. Of a kind that is not known here, the key itself is the object. */
export function readAspect(key: string): Aspect {
    for (const [form, read] of readings) {
        const groups = form.exec(key)?.groups;
        if (groups) return { key, ...read(groups) };
    }
    return { key, kind: "object", object: key };
}

/** The table of an index, as its definition says it. */
export function tableOfIndex(definition: string): string | undefined {
    return new RegExp(` ON (?:ONLY )?(${identifier}\\.${identifier}) USING `).exec(definition)?.[1];
}

/** The table of a sequence that belongs to a column, as its definition says it. */
export function tableOfSequence(definition: string): string | undefined {
    return new RegExp(` owned by (${identifier}\\.${identifier})\\.${identifier}$`).exec(definition)?.[1];
}

/** The name after the last dot, with its quotes. */
export function lastPart(qualified: string): string {
    return /(?:"(?:[^"]|"")+"|[^".]+)$/.exec(qualified)?.[0] ?? qualified;
}

/** The columns of a table in their order, with their quotes; none where the catalog does not have it. */
export function columnsInOrder(catalog: Catalog, table: string): string[] {
    return (catalog.get(`column order of ${table}`) ?? "").match(/"(?:[^"]|"")+"|[^\s,]+/g) ?? [];
}

/** The table of a column's full name. */
export function tableOfColumn(column: string): string {
    return column.slice(0, column.length - lastPart(column).length - 1);
}

/** The schema of a qualified name, without quotes: `public` of `public.datasets` and of `function public.f()`. */
export function schemaOf(name: string): string | undefined {
    const quoted = new RegExp(`^(?:[a-z ]+ )?(${identifier})\\.`).exec(name)?.[1];
    return quoted === undefined ? undefined : unquoted(quoted);
}

/** A name as the catalogs hold it. */
export function unquoted(name: string): string {
    return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
}

/** The type of a column, with its length or precision, as its definition says it: `numeric(10,2)` */
export function typeOfColumn(definition: string): string {
    return definition.replace(/ (?:collate|not null|identity|generated|inherited)\b.*$/, "");
}
