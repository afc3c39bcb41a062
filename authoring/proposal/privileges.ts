import { privilegesOf } from "../../preview/changes/privileges.ts";
import type { Difference } from "./inverse.ts";

/** Gives and takes what makes the privileges after equal those before: grantee by grantee, no more than differs. */
export function privilegeStatements(differences: readonly Difference[]): string[] {
    return differences.flatMap(({ key, before, after }) => {
        const [, object = "", grantee = ""] = /^grants on (.*) to (.*)$/s.exec(key) ?? [];
        const place = placeOf(object);
        if (!place) return [];
        const [wanted, found] = [privilegesOf(before), privilegesOf(after)];
        const missing = wanted.filter(each => !found.includes(each));
        const extra = found.filter(each => !wanted.includes(each));
        const [plain, passedOn] = [missing.filter(each => !isGrantable(each)), missing.filter(isGrantable)];
        return [
            ...(extra.length > 0 ? [`revoke ${list(extra, place)} from ${grantee}`] : []),
            ...(plain.length > 0 ? [`grant ${list(plain, place)} to ${grantee}`] : []),
            ...(passedOn.length > 0 ? [`grant ${list(passedOn, place)} to ${grantee} with grant option`] : []),
        ];
    });
}

interface Place {
    /** `table public.datasets` */
    readonly on: string;
    /** Of a column. */
    readonly column?: string;
}

function placeOf(object: string): Place | undefined {
    const [, kind = "", name = ""] =
        /^(schema|column|sequence|type|function|(?:(?:partitioned |foreign )?table|(?:materialized )?view)) (.*)$/s.exec(
            object,
        ) ?? [];
    if (kind === "column") {
        const [, table, column] = /^(.*)\.((?:"(?:[^"]|"")+"|[^".]+))$/s.exec(name) ?? [];
        return table === undefined || column === undefined ? undefined : { on: `table ${table}`, column };
    }
    if (kind === "function") return { on: `routine ${name}` };
    if (/table|view/.test(kind)) return { on: `table ${name}` };
    return kind === "" ? undefined : { on: `${kind} ${name}` };
}

function list(privileges: readonly string[], { on, column }: Place): string {
    const names = privileges.map(each => each.replace(/ with grant option$/, ""));
    return `${names.map(name => (column === undefined ? name : `${name} (${column})`)).join(", ")} on ${on}`;
}

function isGrantable(privilege: string): boolean {
    return privilege.endsWith(" with grant option");
}
