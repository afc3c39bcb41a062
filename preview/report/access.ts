import { readAspect } from "../changes/aspect.ts";
import { allowedBy } from "../changes/privileges.ts";
import { readPolicy } from "../changes/policy.ts";
import { relationKind } from "../changes/relationChange.ts";
import type { Catalog } from "../../runner/catalog/catalog.ts";

/** What one role may do on one table, before and after. */
export interface Access {
    readonly table: string;
    readonly role: string;
    readonly before: readonly string[];
    readonly after: readonly string[];
}

/**
 * Who may do what on these tables. With row level security a privilege counts only where a policy lets rows through, and
 * says so: `select (by policy)`; without a policy it is left out. One that is granted on columns alone names them:
 * `update (name, size)`.
 */
export function accessOf(before: Catalog, after: Catalog, tables: ReadonlySet<string>): Access[] {
    return [...tables].sort().flatMap(table => {
        const [had, has] = [grantsOn(before, table), grantsOn(after, table)];
        const roles = new Set([...had, ...has].map(({ role }) => role));
        return [...roles].sort().map(role => ({
            table,
            role,
            before: mayDo(before, table, role, had),
            after: mayDo(after, table, role, has),
        }));
    });
}

interface Grant {
    readonly role: string;
    readonly privileges: readonly string[];
    /** Undefined: on the whole table. */
    readonly column?: string;
}

/** Of everybody but the owner. */
function grantsOn(catalog: Catalog, table: string): Grant[] {
    const kind = relationKind(catalog, table);
    const owner = catalog.get(`owner of ${kind} ${table}`);
    return [...catalog].flatMap(([key, text]) => {
        if (!key.startsWith(`grants on ${kind} ${table} to `) && !key.startsWith(`grants on column ${table}.`))
            return [];
        const { part: role = "", column } = readAspect(key);
        if (role === owner) return [];
        return [{ role, privileges: allowedBy(text), ...(column === undefined ? {} : { column }) }];
    });
}

const onRows = ["select", "insert", "update", "delete"];

function mayDo(catalog: Catalog, table: string, role: string, grants: readonly Grant[]): string[] {
    const mine = grants.filter(grant => grant.role === role);
    const whole = mine.flatMap(({ column, privileges }) => (column === undefined ? privileges : []));
    const inPart = onRows.flatMap(privilege => {
        if (whole.includes(privilege)) return [];
        const columns = mine.flatMap(({ column, privileges }) =>
            privileges.includes(privilege) ? (column ?? []) : [],
        );
        return columns.length > 0 ? [{ privilege, words: `${privilege} (${columns.sort().join(", ")})` }] : [];
    });
    const privileges = [...whole.map(privilege => ({ privilege, words: privilege })), ...inPart];
    const guarded =
        catalog.get(`row level security of ${table}`)?.startsWith("on") === true && !bypasses(catalog, role);
    if (!guarded) {
        return privileges
            .filter(({ privilege }) => onRows.includes(privilege) || privilege === "truncate")
            .map(({ words }) => words);
    }
    const commands = [...catalog].flatMap(([key, text]) => {
        if (!key.startsWith("policy ") || !key.endsWith(` on ${table}`)) return [];
        const { permissive, command, roles } = readPolicy(text);
        if (!permissive || !(roles.includes(role) || roles.includes("public"))) return [];
        return command === "all" ? onRows : [command];
    });
    return privileges.flatMap(({ privilege, words }) => {
        if (privilege === "truncate") return [words];
        return onRows.includes(privilege) && commands.includes(privilege) ? [`${words} (by policy)`] : [];
    });
}

function bypasses(catalog: Catalog, role: string): boolean {
    return /"(rolsuper|rolbypassrls)": true/.test(catalog.get(`role ${role}`) ?? "");
}
