import pg from "pg";
import { lastPart, readAspect, tableOfColumn, unquoted } from "../../preview/changes/aspect.ts";
import { gained, withoutOption } from "../../preview/changes/privileges.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";
import { draftMark } from "../../runner/migration/draft.ts";

/** Something that holds after up and did not before. */
interface Claim {
    readonly words: string;
    /** SQL, in which {@link fold} stands for a blank where a long line may end. */
    readonly holds: string;
}

/** No name in a catalog has it. */
const fold = "\0";

/** A verify.sql that looks whether what up makes is there, and what it drops is gone; a draft for a person to weigh. */
export function proposedVerify(before: Catalog, after: Catalog): string {
    const claims = claimsOf(before, after);
    if (claims.length === 0) {
        return `-- ${draftMark}one sentence that says what this looks at. What up changes has no look of its own here: write one.\nselect 1;\n`;
    }
    const rows = claims.map(({ words, holds }) => {
        const text = pg.escapeLiteral(words);
        const oneLine = `            (${text}, ${holds.replaceAll(fold, " ")})`;
        return oneLine.length <= 140
            ? oneLine
            : `            (\n                ${text},\n                ${holds.replaceAll(fold, "\n                    ")}\n            )`;
    });
    return `-- ${draftMark}What up makes is there, and what it drops is gone.
do $$
declare
    wrong text;
begin
    select string_agg(expected.words, ', ') into wrong
    from (
        values
${rows.join(",\n")}
    ) as expected (words, holds)
    where expected.holds is not true;
    if wrong is not null then
        raise exception 'it does not hold that: %', wrong;
    end if;
end
$$;
`;
}

function claimsOf(before: Catalog, after: Catalog): Claim[] {
    const made = [...after.keys()].filter(key => !before.has(key));
    const gone = [...before.keys()].filter(key => !after.has(key));
    const changed = [...after.keys()].filter(key => before.has(key) && before.get(key) !== after.get(key));
    const whole = (keys: readonly string[]) => (key: string) =>
        !key.startsWith("column order of ") && !partOf(key, keys);
    return [
        ...made.filter(whole(made)).flatMap(key => {
            const there = thereIs(key);
            return there ? [{ words: `there is ${key}`, holds: there }] : [];
        }),
        ...gone.filter(whole(gone)).flatMap(key => {
            const there = thereIs(key);
            return there ? [{ words: `there is no ${key}`, holds: `not (${there})` }] : [];
        }),
        ...[...made, ...changed].flatMap(key => stateClaims(key, after.get(key) ?? "")),
        ...[...made, ...changed].flatMap(key => grantClaims(key, gained(before.get(key), after.get(key)))),
    ];
}

/** What goes and comes with its table or type needs no words of its own, but for policies and triggers. */
function partOf(key: string, keys: readonly string[]): boolean {
    const { kind, object } = readAspect(key);
    return ["column", "constraint"].includes(kind) && (keys.includes(`table ${object}`) || keys.includes(object));
}

function thereIs(key: string): string | undefined {
    const [, kind = "", name = ""] =
        /^(schema|(?:partitioned |foreign )?table|(?:materialized )?view|sequence|index|column|constraint|trigger|policy|rule|function|type|extension) (.*)$/s.exec(
            key,
        ) ?? [];
    const literal = pg.escapeLiteral;
    const [, part = "", table = ""] = /^(.*) on (.*)$/s.exec(name) ?? [];
    const inCatalog = (catalog: string, relation: string, column: string) =>
        `exists (select from ${catalog}${fold}where ${relation} = to_regclass(${literal(table)})${fold}and ${column} = ${literal(unquoted(part))})`;
    switch (kind) {
        case "":
            return undefined;
        case "schema":
            return `to_regnamespace(${literal(name)}) is not null`;
        case "type":
            return `to_regtype(${literal(name)}) is not null`;
        case "extension":
            return `exists (select from pg_extension where extname = ${literal(unquoted(name))})`;
        case "column": {
            return `exists (select from pg_attribute${fold}where attrelid = to_regclass(${literal(tableOfColumn(name))})${fold}and attname = ${literal(unquoted(lastPart(name)))} and not attisdropped)`;
        }
        case "constraint": {
            const [, type] = /^type (.*)$/s.exec(table) ?? [];
            if (type === undefined) return inCatalog("pg_constraint", "conrelid", "conname");
            return `exists (select from pg_constraint${fold}where contypid = to_regtype(${literal(type)})${fold}and conname = ${literal(unquoted(part))})`;
        }
        case "trigger":
            return inCatalog("pg_trigger", "tgrelid", "tgname");
        case "policy":
            return inCatalog("pg_policy", "polrelid", "polname");
        case "rule":
            return inCatalog("pg_rewrite", "ev_class", "rulename");
        case "function": {
            const [, schema, routine = "", types = ""] = /^([^.]+)\.([^(]+)\((.*)\)$/s.exec(name) ?? [];
            // `… as aggregate` says how one works that has an entry of its own.
            if (schema === undefined) return undefined;
            // Whether a type is written with its schema depends on the search path of who asks.
            const qualifier = /(?:"[^"]*"|[^ ",.]+)[.]/g;
            const written = "pg_get_function_identity_arguments(oid)";
            const found = types.includes(".")
                ? `regexp_replace(${written}, ${literal(qualifier.source)}, '', 'g')`
                : written;
            return `exists (select from pg_proc${fold}where pronamespace = to_regnamespace(${literal(schema)}) and proname = ${literal(unquoted(routine))}${fold}and ${found} = ${literal(types.replaceAll(qualifier, ""))})`;
        }
        default:
            return `to_regclass(${literal(name)}) is not null`;
    }
}

function stateClaims(key: string, definition: string): Claim[] {
    const [, table] = /^row level security of (.*)$/s.exec(key) ?? [];
    if (table === undefined || !definition.startsWith("on")) return [];
    const holds = `(select relrowsecurity from pg_class where oid = to_regclass(${pg.escapeLiteral(table)}))`;
    return [{ words: `row level security of ${table} is on`, holds }];
}

function grantClaims(key: string, privileges: readonly string[]): Claim[] {
    const [, table, grantee = ""] = /^grants on (?:table|view) (.*) to (.*)$/s.exec(key) ?? [];
    if (table === undefined || grantee === "postgres" || privileges.length === 0) return [];
    // PostgreSQL before 17 does not know "maintain", and has to be able to run what was proposed on a newer one.
    const names = privileges.map(withoutOption).filter(name => name !== "maintain");
    const { escapeLiteral: literal } = pg;
    return names.map(name => ({
        words: `${grantee} may ${name} ${table}`,
        holds: `has_table_privilege(${literal(unquoted(grantee))}, to_regclass(${literal(table)}), ${literal(name)})`,
    }));
}
