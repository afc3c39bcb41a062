import { privilegesOf } from "../changes/privileges.ts";
import { readPolicy } from "../changes/policy.ts";
import { relationKind } from "../changes/relationChange.ts";
import type { Catalog } from "../trial/observation.ts";

/** What one role may do on one table, before and after. */
export interface Access {
    readonly table: string;
    readonly role: string;
    readonly before: readonly string[];
    readonly after: readonly string[];
}

/**
 * Who may do what on these tables. With row level security a privilege counts only where a policy lets rows through, and
 * says so: `select (by policy)`; without a policy it is left out.
 */
export function accessOf(before: Catalog, after: Catalog, tables: ReadonlySet<string>): Access[] {
    return [...tables].sort().flatMap(table => {
        const roles = new Set([...rolesOn(before, table), ...rolesOn(after, table)]);
        return [...roles].sort().map(role => ({
            table,
            role,
            before: mayDo(before, table, role),
            after: mayDo(after, table, role),
        }));
    });
}

/** Everybody with a grant but the owner. */
function rolesOn(catalog: Catalog, table: string): string[] {
    const kind = relationKind(catalog, table);
    const prefix = `grants on ${kind} ${table} to `;
    const owner = catalog.get(`owner of ${kind} ${table}`);
    return [...catalog.keys()]
        .flatMap(key => (key.startsWith(prefix) ? key.slice(prefix.length) : []))
        .filter(role => role !== owner);
}

const onRows = ["select", "insert", "update", "delete"];

function mayDo(catalog: Catalog, table: string, role: string): string[] {
    const privileges = privilegesOf(catalog.get(`grants on ${relationKind(catalog, table)} ${table} to ${role}`));
    const guarded =
        catalog.get(`row level security of ${table}`)?.startsWith("on") === true && !bypasses(catalog, role);
    if (!guarded) return privileges.filter(privilege => onRows.includes(privilege) || privilege === "truncate");
    const commands = [...catalog].flatMap(([key, text]) => {
        if (!key.startsWith("policy ") || !key.endsWith(` on ${table}`)) return [];
        const { permissive, command, roles } = readPolicy(text);
        if (!permissive || !(roles.includes(role) || roles.includes("public"))) return [];
        return command === "all" ? onRows : [command];
    });
    return privileges.flatMap(privilege => {
        if (privilege === "truncate") return [privilege];
        return onRows.includes(privilege) && commands.includes(privilege) ? [`${privilege} (by policy)`] : [];
    });
}

function bypasses(catalog: Catalog, role: string): boolean {
    return /"(rolsuper|rolbypassrls)": true/.test(catalog.get(`role ${role}`) ?? "");
}
