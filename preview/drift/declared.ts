import { laterTables, tableGrants } from "../../runner/applicationGrants.ts";
import { previewLogin, roleNames } from "../../runner/applicationRoles.ts";
import type { ChangedAspect, Comparison } from "../changes/comparison.ts";
import { gained } from "../changes/privileges.ts";

/** What a role has that the stack makes (PostgreSQL documentation, "CREATE ROLE"), beside its connection limit. */
const plainLogin = {
    ...{ rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolreplication: false, rolbypassrls: false },
    ...{ rolinherit: true, rolcanlogin: true },
};

/**
 * Whether a change is one that the stack's own resources make after the snapshot, or the documented login of previews.
 * Only what they declare: whatever else somebody gives to these roles, or gives of them to others, is a person's, as the
 * engine does not look at it either. What went takes nothing but a right away.
 */
export function isDeclared(aspect: ChangedAspect, comparison: Comparison): boolean {
    const { kind, key, part = "", before, after } = aspect;
    if (kind === "grants" || kind === "default privileges") {
        const declared = declaredFor(aspect);
        return isOwnRole(part) && gained(before, after).every(privilege => declared.includes(privilege));
    }
    const [, role = ""] = /^role (\S+)$/.exec(key) ?? [];
    if (isOwnRole(role)) return after === null || isPlain(role, after);
    const [, member = "", of = ""] = /^membership of (\S+) in (\S+)$/.exec(key) ?? [];
    // From 16 on who makes a role is its member; whoever may make roles could always make himself one.
    if (isOwnRole(of)) return after === null || hasAttribute(comparison.after.get(`role ${member}`), "rolcreaterole");
    return key.startsWith(`settings of ${previewLogin} in `) || key === `comment on role ${previewLogin}`;
}

function isOwnRole(name: string): boolean {
    return name === previewLogin || (roleNames as readonly string[]).includes(name);
}

function isPlain(role: string, definition: string): boolean {
    const attributes = attributesIn(definition);
    const expected = Object.entries(plainLogin).every(([name, value]) => attributes[name] === value);
    // How many may connect as the login of previews, and until when, is for those who make it.
    return expected && (role === previewLogin || definition.endsWith("}"));
}

function hasAttribute(definition: string | undefined, name: keyof typeof plainLogin): boolean {
    return definition !== undefined && attributesIn(definition)[name] === true;
}

/** As others.sql writes a role down: its attributes as JSON, and until when it is valid. */
function attributesIn(definition: string): Record<string, unknown> {
    return JSON.parse(definition.slice(0, definition.lastIndexOf("}") + 1)) as Record<string, unknown>;
}

/** In the form of {@link gained}. */
function declaredFor({ kind, object, part, column }: ChangedAspect): string[] {
    if (kind === "default privileges") {
        return part === laterTables.role && object.endsWith(" in public on r")
            ? [laterTables.privilege.toLowerCase()]
            : [];
    }
    return tableGrants
        .filter(({ role, table }) => role === part && `public.${table}` === object)
        .filter(({ columns }) => (column === undefined ? columns === undefined : columns?.includes(column)))
        .map(({ privilege }) => privilege.toLowerCase());
}
