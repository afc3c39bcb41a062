import type { Group, Sign } from "./change.ts";
import type { ChangedAspect } from "./comparison.ts";
import { columnsInOrder, lastPart } from "./aspect.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { clause, readPolicy } from "./policy.ts";
import { isOrderNews, relationKind } from "./relationChange.ts";
import { allowedBy, gained, isGrantable, withoutOption } from "./privileges.ts";
import { readTrigger } from "./trigger.ts";

/** SQL that describes what becomes of a table, view or sequence. The definitions are PostgreSQL's own. */
export function relationDdl(group: Group, sign: Sign): string[] {
    const { object, aspects, comparison } = group;
    const catalog = sign === "-" ? comparison.before : comparison.after;
    const kind = aspects
        .find(aspect => aspect.kind === "relation" && aspect.object === object)
        ?.key.split(` ${object}`)[0];
    if (sign === "-")
        return [
            `drop ${(kind ?? relationKind(catalog, object))?.replace("partitioned ", "").replace("composite ", "")} ${object};`,
        ];
    if (sign === "~") {
        // A column that is new brings its default along.
        const isNew = (name = "") =>
            aspects.some(({ kind: one, part, before }) => one === "column" && part === name && before === null);
        const telling = aspects.filter(aspect => aspect.kind !== "default" || !isNew(aspect.part));
        return telling.flatMap(aspect => aspectDdl(aspect, comparison.after, new Set()));
    }
    const inside = new Set(aspects.filter(aspect => aspect.kind === "constraint").map(({ part = "" }) => part));
    const rest = aspects.filter(
        aspect =>
            !["relation", "column", "default", "constraint", "storage", "column order", "options"].includes(
                aspect.kind,
            ) &&
            // A sequence comes with the column that it belongs to.
            (aspect.object === object || aspect.kind === "index") &&
            aspect.kind !== "sequence",
    );
    return [
        createRelation(object, kind ?? relationKind(catalog, object) ?? "table", catalog),
        ...rest.flatMap(aspect => aspectDdl(aspect, catalog, inside)),
    ];
}

/** The same for whatever is no relation. */
export function otherDdl({ object, aspects, comparison }: Group, sign: Sign): string[] {
    const itself = aspects.find(({ kind, key }) => kind === "object" && key === object);
    // First it is made, then it is given to somebody.
    const ordered = [...(itself ? [itself] : []), ...aspects.filter(aspect => aspect !== itself)];
    const statements = ordered.flatMap(aspect => {
        if (aspect !== itself) return sign === "-" ? [] : aspectDdl(aspect, comparison.after, new Set());
        if (sign === "-") return [`drop ${object.replace(/ as aggregate$/, "")};`];
        if (object.startsWith("function ") && aspect.after?.includes("\n")) {
            return [`${aspect.after.slice(aspect.after.indexOf("\n") + 1).trim()};`];
        }
        if (object.startsWith("schema ") && sign === "+") return [`create ${object};`];
        const [, kind, values] = /^owner \S+ (enum|domain) (.*)$/s.exec(aspect.after ?? "") ?? [];
        if (sign === "+" && kind === "enum") return [`create ${object} as enum (${values});`];
        return [comment(aspect)];
    });
    return [...new Set(statements)];
}

function createRelation(object: string, kind: string, catalog: Catalog): string {
    const definition = catalog.get(`${kind} ${object}`) ?? "";
    if (kind === "view" || kind === "materialized view") {
        const options = catalog.get(`options of ${kind} ${object}`);
        const query = definition
            .split("\n")
            .slice(1)
            .filter(line => !line.startsWith("access method "))
            .join("\n");
        return `create ${kind} ${object}${options ? ` with (${options})` : ""} as\n${query}`;
    }
    const columns = columnsInOrder(catalog, object).map(name => `${name} ${columnDdl(catalog, object, name)}`);
    if (kind === "composite type") return `create type ${object} as (${columns.join(", ")});`;
    const parent = /^inherits (.*)$/m.exec(definition)?.[1];
    const bound = /^partition ((?:FOR VALUES|DEFAULT).*)$/m.exec(definition)?.[1];
    if (parent && bound) return `create table ${object} partition of ${parent} ${bound};`;
    if (kind === "sequence") return `create sequence ${object}; -- ${definition}`;
    const constraints = [...catalog].flatMap(([key, text]) => {
        const name =
            key.endsWith(` on ${object}`) && key.startsWith("constraint ")
                ? key.slice(11, -` on ${object}`.length)
                : "";
        return name ? [`constraint ${name} ${text}`] : [];
    });
    const lines = [...columns, ...constraints].map(line => `    ${line}`);
    const partition = /^partition by .*$/m.exec(definition)?.[0];
    return `create ${kind === "foreign table" ? kind : "table"} ${object} (\n${lines.join(",\n")}\n)${partition ? ` ${partition}` : ""};`;
}

function columnDdl(catalog: Catalog, object: string, name: string): string {
    const definition = catalog.get(`column ${object}.${name}`) ?? "";
    const value = catalog.get(`default of column ${object}.${name}`);
    const text = definition
        .replace(" identity a", " generated always as identity")
        .replace(" identity d", " generated by default as identity")
        .replace(/ inherited$/, "");
    if (/ generated [sv]$/.test(text)) {
        return text.replace(
            / generated ([sv])$/,
            (_, how) => ` generated always as ${value} ${how === "s" ? "stored" : "virtual"}`,
        );
    }
    return value === undefined ? text : `${text} default ${value}`;
}

/** @param inside constraints that stand inside of `create table`: their indexes come with them */
function aspectDdl(aspect: ChangedAspect, catalog: Catalog, inside: ReadonlySet<string>): string[] {
    const { kind, object, part = "", before, after } = aspect;
    const table = `alter table ${object}`;
    const again = (drop: string, create: string) => [
        ...(before === null ? [] : [drop]),
        ...(after === null ? [] : [create]),
    ];
    switch (kind) {
        case "column":
            if (after === null) return [`${table} drop column ${part};`];
            if (before === null) return [`${table} add column ${part} ${columnDdl(catalog, object, part)};`];
            return alterColumn(`${table} alter column ${part}`, before, after) ?? [comment(aspect)];
        case "default":
            if (
                !catalog.has(`column ${object}.${part}`) ||
                catalog.get(`column ${object}.${part}`)?.includes(" generated ")
            )
                return [];
            return [`${table} alter column ${part} ${after === null ? "drop default" : `set default ${after}`};`];
        case "constraint": {
            const owner = table.replace("alter table type ", "alter domain ");
            return again(`${owner} drop constraint ${part};`, `${owner} add constraint ${part} ${after};`);
        }
        case "index":
            if (
                inside.has(lastPart(object)) ||
                [...catalog.keys()].some(key => key.startsWith(`constraint ${lastPart(object)} on `))
            )
                return [];
            return again(`drop index ${object};`, `${after?.split("\n")[0]};`);
        case "row level security":
            return [
                ...(isOn(before) === isOn(after)
                    ? []
                    : [`${table} ${isOn(after) ? "enable" : "disable"} row level security;`]),
                ...(isForced(before) === isForced(after)
                    ? []
                    : [`${table} ${isForced(after) ? "" : "no "}force row level security;`]),
            ];
        case "policy":
            return again(`drop policy ${part} on ${object};`, after === null ? "" : createPolicy(part, object, after));
        case "trigger": {
            const [was, is] = [readTrigger(before), readTrigger(after)];
            const made = was.text === is.text ? [] : again(`drop trigger ${part} on ${object};`, `${is.text};`);
            const isAsMade = is.state === (made.length > 0 ? "enable" : was.state);
            return after === null || isAsMade ? made : [...made, `${table} ${is.state} trigger ${part};`];
        }
        case "grants":
            return grantDdl(aspect, catalog);
        case "comment":
            return [
                `${aspect.key} is ${after === null ? "null" : `'${after.replaceAll("'", "''")}'`};`.replace(
                    /^(comment on) (?:table|view|materialized view) (column|constraint)/,
                    "$1 $2",
                ),
            ];
        case "owner":
            return before === null ? [] : [`alter ${aspect.key.replace(/^owner of /, "")} owner to ${after};`];
        case "column order":
            return isOrderNews(before, after) ? [comment(aspect)] : [];
        case "storage":
            return before === null || after === null ? [] : [comment(aspect)];
        default:
            return [comment(aspect)];
    }
}

function isOn(rowSecurity: string | null): boolean {
    return rowSecurity?.startsWith("on") === true;
}

function isForced(rowSecurity: string | null): boolean {
    return rowSecurity?.includes("forced") === true;
}

function alterColumn(alter: string, before: string, after: string): string[] | undefined {
    const nullable = (text: string) => !text.includes(" not null");
    const type = (text: string) => text.replace(" not null", "");
    const statements = [
        ...(type(before) === type(after) ? [] : [`${alter} type ${type(after)};`]),
        ...(nullable(before) === nullable(after) ? [] : [`${alter} ${nullable(after) ? "drop" : "set"} not null;`]),
    ];
    return / (identity|generated) /.test(before + after) ? undefined : statements;
}

function createPolicy(name: string, table: string, definition: string): string {
    const { permissive, command, roles, using, check } = readPolicy(definition);
    return [
        `create policy ${name} on ${table}${permissive ? "" : " as restrictive"} for ${command} to ${roles.join(", ")}`,
        ...(using === undefined ? [] : [`using ${clause(using)}`]),
        ...(check === undefined ? [] : [`with check ${clause(check)}`]),
    ]
        .join("\n    ")
        .concat(";");
}

/** Of a new object the owner's own privileges go without saying. */
function grantDdl(aspect: ChangedAspect, catalog: Catalog): string[] {
    const { key, part = "", before, after, column } = aspect;
    const on = /^grants on (.*) to \S+$/.exec(key)?.[1] ?? "";
    // Its name is not in the catalog.
    if (on === "database") return [comment(aspect)];
    if (before === null && catalog.get(`owner of ${on}`) === part) return [];
    if (before === null && catalog.get(on)?.startsWith(`owner ${part}`)) return [];
    const list = (privileges: string[]) => privileges.map(one => (column ? `${one} (${column})` : one)).join(", ");
    const target = column
        ? `table ${aspect.object}`
        : on
              .replace(/^(partitioned table|view|materialized view|foreign table) /, "table ")
              // It may be a procedure.
              .replace(/^function /, "routine ");
    const more = gained(before, after);
    const given = more.filter(one => !isGrantable(one));
    const passedOn = more.filter(isGrantable).map(withoutOption);
    const lost = gained(after, before).map(withoutOption);
    const less = lost.filter(one => !allowedBy(after).includes(one));
    const kept = lost.filter(one => !less.includes(one));
    return [
        ...(given.length > 0 ? [`grant ${list(given)} on ${target} to ${part};`] : []),
        ...(passedOn.length > 0 ? [`grant ${list(passedOn)} on ${target} to ${part} with grant option;`] : []),
        ...(less.length > 0 ? [`revoke ${list(less)} on ${target} from ${part};`] : []),
        ...(kept.length > 0 ? [`revoke grant option for ${list(kept)} on ${target} from ${part};`] : []),
    ];
}

/** Where the catalog does not hold a statement. */
function comment({ key, before, after }: ChangedAspect): string {
    const line = (text: string | null) => (text ?? "not there").replaceAll(/\s+/g, " ");
    if (before === null) return `-- new: ${key}: ${line(after)}`;
    if (after === null) return `-- gone: ${key}`;
    return `-- ${key}: ${line(before)} → ${line(after)}`;
}
