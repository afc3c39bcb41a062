import { lastPart, tableOfColumn } from "../../preview/changes/aspect.ts";
import { isGrantable, privilegesOf, withoutOption } from "../../preview/changes/privileges.ts";
import type { Difference } from "./inverse.ts";

/** Gives and takes what makes the privileges after equal those before: grantee by grantee, no more than differs. */
export function privilegeStatements(differences: readonly Difference[]): string[] {
    return differences.flatMap(({ key, before, after }) => {
        const [, object = "", grantee = ""] = /^grants on (.*) to (.*)$/s.exec(key) ?? [];
        const place = placeOf(object);
        return place ? changing(privilegesOf(before), privilegesOf(after), names => list(names, place), grantee) : [];
    });
}

/**
 * What makes one grantee's privileges those that are wanted.
 *
 * @param of puts names of privileges and what they are on into words: `select on table public.datasets`
 */
export function changing(
    wanted: readonly string[],
    found: readonly string[],
    of: (names: readonly string[]) => string,
    grantee: string,
): string[] {
    const missing = wanted.filter(each => !found.includes(each));
    const extra = found.filter(each => !wanted.includes(each));
    const [plain, passedOn] = [missing.filter(each => !isGrantable(each)), missing.filter(isGrantable)];
    const named = (privileges: readonly string[]) => of(privileges.map(withoutOption));
    return [
        ...(extra.length > 0 ? [`revoke ${named(extra)} from ${grantee}`] : []),
        ...(plain.length > 0 ? [`grant ${named(plain)} to ${grantee}`] : []),
        ...(passedOn.length > 0 ? [`grant ${named(passedOn)} to ${grantee} with grant option`] : []),
    ];
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
        return { on: `table ${tableOfColumn(name)}`, column: lastPart(name) };
    }
    if (kind === "function") return { on: `routine ${name}` };
    if (/table|view/.test(kind)) return { on: `table ${name}` };
    return kind === "" ? undefined : { on: `${kind} ${name}` };
}

function list(names: readonly string[], { on, column }: Place): string {
    return `${names.map(name => (column === undefined ? name : `${name} (${column})`)).join(", ")} on ${on}`;
}
