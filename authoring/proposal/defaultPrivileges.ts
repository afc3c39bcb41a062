import { privilegesOf } from "../../preview/changes/privileges.ts";
import type { Difference } from "./inverse.ts";
import { changing } from "./privileges.ts";

/** What `alter default privileges` says of a kind of object, and who may do what with one where nothing is set. */
interface Kind {
    readonly plural: string;
    readonly owner: readonly string[];
    readonly everybody: readonly string[];
}

/** By the letter of pg_default_acl; PostgreSQL documentation, 5.8 "Privileges". */
const kinds: Readonly<Record<string, Kind>> = {
    r: {
        plural: "tables",
        owner: ["delete", "insert", "references", "select", "trigger", "truncate", "update"],
        everybody: [],
    },
    S: { plural: "sequences", owner: ["select", "update", "usage"], everybody: [] },
    f: { plural: "functions", owner: ["execute"], everybody: ["execute"] },
    T: { plural: "types", owner: ["usage"], everybody: ["usage"] },
    n: { plural: "schemas", owner: ["create", "usage"], everybody: [] },
};

const form = /^(default privileges of (.+) in (.+) on (\w))(?: to (.+))?$/s;
const allSchemas = "all schemas";

/** Gives and takes what makes the default privileges after equal those before. */
export function defaultPrivilegeStatements(differences: readonly Difference[]): string[] {
    const differs = new Map(differences.map(difference => [difference.key, difference]));
    return [...new Set([...differs.keys()].flatMap(grantsOf))].flatMap(key => {
        const [, list = "", role = "", schema = "", letter = "", grantee = ""] = form.exec(key) ?? [];
        const kind = kinds[letter];
        if (!kind) return [];
        const { before, after } = differs.get(key) ?? {};
        const [had, has] = [privilegesOf(before), privilegesOf(after)];
        const builtIn = () => {
            if (schema !== allSchemas) return [];
            if (grantee === "public") return kind.everybody;
            // What PostgreSQL 17 lets an owner do as well is in the list that is there.
            return grantee === role ? [...new Set([...kind.owner, ...had, ...has])] : [];
        };
        const row = differs.get(list);
        const wanted = row && row.before === undefined ? builtIn() : had;
        const found = row && row.after === undefined ? builtIn() : has;
        const place = `for role ${role}${schema === allSchemas ? "" : ` in schema ${schema}`}`;
        return changing(wanted, found, names => `${names.join(", ")} on ${kind.plural}`, grantee).map(
            statement => `alter default privileges ${place} ${statement}`,
        );
    });
}

/** A list that comes or goes also changes what is built in, which nothing says of its own. */
function grantsOf(key: string): string[] {
    const [, list, role, schema, , grantee] = form.exec(key) ?? [];
    if (list === undefined) return [];
    if (grantee !== undefined) return [key];
    return schema === allSchemas ? [`${list} to public`, `${list} to ${role}`] : [];
}
