import type { Detail, Group, ObjectChange, Sign } from "./change.ts";
import type { ChangedAspect } from "./comparison.ts";
import { otherDdl } from "./ddl.ts";
import { gained, inWords, privilegesOf } from "./privileges.ts";
import { grantDetail, grantee } from "./relationChange.ts";

/** The change of whatever is no relation: a function, type, schema, role, extension, default privileges, … */
export function otherChange(group: Group): ObjectChange[] {
    const { object, aspects } = group;
    if (object.startsWith("default privileges ")) return [defaultPrivileges(group)];
    const itself = aspects.find(({ kind, key }) => kind === "object" && key === object);
    const sign: Sign = itself?.before === null ? "+" : itself?.after === null ? "-" : "~";
    const rest = aspects.filter(aspect => aspect !== itself && !aspect.key.endsWith(" as aggregate"));
    if (sign === "~") {
        const details: Detail[] = [...(itself ? differences(itself) : []), ...rest.map(detailOf)];
        if (details.length === 0) details.push({ sign: "~", words: "definition" });
        return [{ sign, object, summary: "", details, ddl: otherDdl(group, sign) }];
    }
    const text = itself?.after ?? itself?.before ?? "";
    const owner = /^owner (\S+)/.exec(text)?.[1];
    const grants = rest
        .filter(({ kind, part }) => kind === "grants" && part !== owner)
        .map(({ part, before, after }) => `${grantee(part)} may ${inWords(privilegesOf(after ?? before))}`);
    const summary = [gist(object, text), ...grants].filter(Boolean).join("; ");
    return [{ sign, object, summary, details: [], ddl: otherDdl(group, sign) }];
}

function detailOf(aspect: ChangedAspect): Detail {
    const { kind, key, before, after, part } = aspect;
    if (kind === "grants") return grantDetail(aspect);
    const sign: Sign = before === null ? "+" : after === null ? "-" : "~";
    const name = kind === "comment" ? "comment" : kind === "constraint" ? `constraint ${part}` : key;
    return {
        sign,
        words: sign === "~" ? `${name}: ${line(before)} → ${line(after)}` : `${name} ${line(after ?? before)}`,
    };
}

/** What of a definition is worth a line. */
function gist(object: string, text: string): string {
    if (object.startsWith("function "))
        return functionTraits(text)
            .filter(trait => !trait.startsWith("owner "))
            .join(", ");
    if (object.startsWith("role ")) return roleTraits(text).join(", ") || "no login";
    if (object.startsWith("schema ")) return "";
    return line(text.replace(/^owner \S+ ?/, ""));
}

function differences({ object, before, after }: ChangedAspect): Detail[] {
    if (object.startsWith("function "))
        return traitDetails(functionTraits(before ?? ""), functionTraits(after ?? ""), "body");
    if (object.startsWith("role "))
        return traitDetails(roleTraits(before ?? ""), roleTraits(after ?? ""), "attributes");
    return [{ sign: "~", words: `${line(before)} → ${line(after)}` }];
}

/** @param rest what must have changed when no trait did */
function traitDetails(before: readonly string[], after: readonly string[], rest: string): Detail[] {
    const details = [
        ...after.filter(trait => !before.includes(trait)).map(words => ({ sign: "+" as const, words })),
        ...before.filter(trait => !after.includes(trait)).map(words => ({ sign: "-" as const, words })),
    ];
    return details.length > 0 ? details : [{ sign: "~", words: rest }];
}

/** What decides what a function may do, from the text of pg_get_functiondef. */
export function functionTraits(definition: string): string[] {
    const [head = ""] = definition.split(/\nAS |\nBEGIN ATOMIC|\nRETURN /);
    const trait = (pattern: RegExp) => pattern.exec(head)?.[1]?.trim();
    const returns = trait(/\n RETURNS (.*)/);
    const path = trait(/\n SET search_path TO (.*)/);
    return [
        returns ? `returns ${returns}` : "",
        trait(/\n LANGUAGE (\S+)/) ?? "",
        /\bSECURITY DEFINER\b/.test(head) ? "security definer" : "",
        path ? `search_path ${path}` : "",
        ...head
            .split("\n")
            .filter(text => /^ (?!RETURNS |LANGUAGE |SET search_path )/.test(text))
            .map(text => text.replace(" SECURITY DEFINER", "").trim().toLowerCase()),
        trait(/^owner (\S+)/) === undefined ? "" : `owner ${trait(/^owner (\S+)/)}`,
    ].filter(Boolean);
}

/** The attributes that a role has, from its row of the catalog. */
export function roleTraits(definition: string): string[] {
    const [json = "{}", until] = definition.split(" until ");
    const attributes = JSON.parse(json || "{}") as Record<string, boolean | number>;
    const words: Record<string, string> = {
        rolsuper: "superuser",
        rolbypassrls: "bypasses RLS",
        rolcreaterole: "creates roles",
        rolcreatedb: "creates databases",
        rolreplication: "replicates",
        rolcanlogin: "login",
    };
    const traits = Object.entries(words).flatMap(([key, text]) => (attributes[key] === true ? [text] : []));
    const limit = Number(attributes.rolconnlimit ?? -1);
    return [
        ...traits,
        ...(attributes.rolinherit === false ? ["does not inherit"] : []),
        ...(limit >= 0 ? [`at most ${limit} connections`] : []),
        ...(until ? [`until ${until}`] : []),
    ];
}

const objectTypes: Record<string, string> = { r: "tables", S: "sequences", f: "functions", T: "types", n: "schemas" };

/** `default privileges of postgres in public on r` is what new tables of postgres there are born with. */
export function newObjects(object: string): string {
    const [, role, place, type = ""] = /^default privileges of (.+) in (all schemas|.+) on (.)$/.exec(object) ?? [];
    return `new ${objectTypes[type] ?? "objects"} of ${role} in ${place}`;
}

function defaultPrivileges(group: Group): ObjectChange {
    const details = group.aspects.flatMap(({ part, before, after }): Detail[] => {
        if (part === undefined) return [];
        const more = gained(before, after);
        const less = gained(after, before);
        return [
            ...(more.length > 0 ? [{ sign: "+" as const, words: `${grantee(part)} will ${inWords(more)}` }] : []),
            ...(less.length > 0
                ? [{ sign: "-" as const, words: `${grantee(part)} will no longer ${inWords(less)}` }]
                : []),
        ];
    });
    return {
        sign: "~",
        object: newObjects(group.object),
        summary: details.length === 0 ? "what PostgreSQL gives by itself" : "",
        details,
        ddl: otherDdl(group, "~"),
    };
}

function line(text: string | null): string {
    return (text ?? "nothing").replaceAll(/\s+/g, " ").trim();
}
