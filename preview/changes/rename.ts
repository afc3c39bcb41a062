import type { Renamed } from "../trial/observation.ts";
import { type AspectKind, lastPart, readAspect, tableOfColumn } from "./aspect.ts";

/** What was called so after a rename, by its name before; a column goes with its table. */
export function formerName(name: string, { kind, from, to }: Renamed): string {
    if (name === to) return from;
    return kind === "table" && name.startsWith(`${to}.`) ? from + name.slice(to.length) : name;
}

/** What was called so before a rename, by its name after. */
function laterName(name: string, { kind, from, to }: Renamed): string {
    if (kind === "column") return name === fromHere(from, to) ? to : name;
    if (name === from) return to;
    return name.startsWith(`${from}.`) ? to + name.slice(from.length) : name;
}

/** The old name of a column in its table as that is called now: one statement may rename both. */
function fromHere(from: string, to: string): string {
    return `${tableOfColumn(to)}.${lastPart(from)}`;
}

/** Each thing once, by its first name and its last one; what has its old name again was not renamed. */
export function inOneStep(renamed: readonly Renamed[]): Renamed[] {
    const steps = new Map(
        renamed.map(({ kind, from, to }, index) => {
            const first = renamed.slice(0, index).reduceRight(formerName, from);
            const last = renamed.slice(index + 1).reduce(laterName, to);
            return [last, { kind, from: first, to: last }];
        }),
    );
    return [...steps.values()].filter(({ kind, from, to }) =>
        kind === "table" ? from !== to : lastPart(from) !== lastPart(to),
    );
}

/** A key of the catalog and its definition. */
export type Entry = readonly [key: string, text: string];

/** Makes a function that brings an entry of the catalog up to date with a new name. */
export function renaming({ kind, from, to }: Renamed): (entry: Entry) => Entry {
    if (kind === "table") {
        const rename = replacing(from, to, { form: qualified, not: noTable });
        return ([key, text]) => [rename(key), rename(text)];
    }
    const table = tableOfColumn(to);
    const old = lastPart(from);
    const names = new RegExp(qualified(table));
    const renameFull = replacing(fromHere(from, to), to, { form: qualified, not: [] });
    const renameBare = replacing(old, lastPart(to), { form: bare, not: noColumn });
    return entry => {
        const [key, text] = entry;
        if (!key.includes(old) && !text.includes(old)) return entry;
        const { kind: aspect, object } = readAspect(key);
        if (!namesColumns.includes(aspect)) return [renameFull(key), renameFull(text)];
        // A column's name alone may be anything else elsewhere, so only its own table is looked at. A foreign key names
        // columns of two.
        const parts = aspect === "constraint" ? text.split(/(?= REFERENCES )/) : [text];
        const mine = (part: string, index: number) => (index === 0 && object === table) || names.test(part);
        return [
            renameFull(key),
            renameFull(parts.map((part, index) => (mine(part, index) ? renameBare(part) : part)).join("")),
        ];
    };
}

/** Aspects whose definition names columns without their table. */
const namesColumns: readonly AspectKind[] = [
    "relation",
    "column order",
    "default",
    "constraint",
    "trigger",
    "rule",
    "policy",
    "index",
    "published",
    "object",
];

/** A name with its schema, where it stands for itself. */
function qualified(name: string): string {
    return `(?<![\\w"$.])${escaped(name)}(?![\\w"$])`;
}

/** The name of a column where it is no schema, function or type. */
function bare(name: string): string {
    return `(?<![\\w"$]|::)${escaped(name)}(?![\\w"$.(])`;
}

function escaped(name: string): string {
    return name.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** What is no table, also where it is written like one: a function, and what its body says as a string. */
const noTable = [/(?:FUNCTION|PROCEDURE|function|procedure|aggregate) [^(]*/, /\nAS \$(?:function|procedure).*$/];

/** What is no column, also where it is written like one. */
const noColumn = [
    // What and whom a policy is for.
    /^(?:permissive|restrictive) for .\nto [^\n]*/,
    // How an index, a trigger or a rule itself is called, and whether the last two are on.
    /^CREATE [A-Z ]+ (?:"(?:[^"]|"")+"|\S+)/,
    /, enabled .$/,
    /^persistence ./,
    // A function, but for a body that PostgreSQL itself keeps up to date.
    /^owner .*?\nAS \$(?:function|procedure).*$/,
    /^owner .*?(?=\nBEGIN ATOMIC|\nRETURN )/,
    /'(?:[^']|'')*'/,
];

/** @param not what is passed over, as other names in quotes are */
function replacing(
    name: string,
    to: string,
    { form, not }: { form: (name: string) => string; not: readonly RegExp[] },
): (text: string) => string {
    const passedOver = not.map(({ source }) => source);
    const pattern = new RegExp([...passedOver, `(?<name>${form(name)})`, '"(?:[^"]|"")+"'].join("|"), "gs");
    const replacer = (found: string, ...rest: unknown[]) => ((rest.at(-1) as { name?: string }).name ? to : found);
    return text => (text.includes(name) ? text.replace(pattern, replacer) : text);
}
