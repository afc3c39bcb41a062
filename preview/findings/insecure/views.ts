import { lastPart, schemaOf } from "../../changes/aspect.ts";
import { allowedBy } from "../../changes/privileges.ts";
import { relationKind } from "../../changes/relationChange.ts";
import type { Catalog } from "../../trial/observation.ts";
import type { Finding } from "../finding.ts";
import type { Scene } from "../scene.ts";
import { isInvoker, tablesBelow } from "../viewTables.ts";

/**
 * Views in the API's sight that read tables as their owner does, who is bound neither by row level security nor by what
 * their readers were granted (PostgreSQL documentation, CREATE VIEW: security_invoker).
 */
export async function viewFindings({ comparison, exposed }: Scene): Promise<Finding[]> {
    const { after, changed } = comparison;
    const touched = changed.filter(({ kind, object, part }) => {
        const counts = kind === "relation" || kind === "options" || (kind === "grants" && callers.includes(part ?? ""));
        return counts && /view$/.test(relationKind(after, object) ?? "") && exposed.has(schemaOf(object) ?? "");
    });
    const views = [...new Set(touched.map(({ object }) => object))];
    const findings = await Promise.all(views.map(view => findingOf(view, after)));
    return findings.flatMap(finding => finding ?? []);
}

const callers = ["anon", "authenticated", "public"];

async function findingOf(view: string, catalog: Catalog): Promise<Finding | undefined> {
    const kind = relationKind(catalog, view);
    if (kind === "view" && isInvoker(view, catalog)) return undefined;
    const readers = callers.filter(role => catalog.get(`grants on ${kind} ${view} to ${role}`)?.includes("SELECT"));
    if (readers.length === 0) return undefined;
    const tables = await tablesBelow(view, catalog);
    const past = (reader: string): string[] =>
        tables.filter(table => hasRowSecurity(table, catalog) || !mayRead(reader, table, catalog));
    const shown = readers.filter(reader => past(reader).length > 0);
    if (shown.length === 0) return undefined;
    const guarded = [...new Set(shown.flatMap(past))];
    const fences = [
        ...(guarded.some(table => hasRowSecurity(table, catalog)) ? ["row level security"] : []),
        ...(guarded.every(table => hasRowSecurity(table, catalog)) ? [] : ["grants"]),
    ];
    const way = kind === "view" ? "has no security_invoker, so it" : "is a materialized view, so it";
    return {
        code: "view-past-rls",
        level: "insecure",
        object: view,
        words: `${way} shows ${shown.join(", ")} rows of ${guarded.join(", ")} past their ${fences.join(" and ")}`,
        stops: true,
    };
}

function hasRowSecurity(table: string, catalog: Catalog): boolean {
    return catalog.get(`row level security of ${table}`)?.startsWith("on") ?? false;
}

/** Whether a role could read a table without the view. */
function mayRead(reader: string, table: string, catalog: Catalog): boolean {
    const has = (privilege: string, object: string) =>
        [reader, "public"].some(role => allowedBy(catalog.get(`grants on ${object} to ${role}`)).includes(privilege));
    const schema = table.slice(0, table.length - lastPart(table).length - 1);
    return has("usage", `schema ${schema}`) && has("select", `${relationKind(catalog, table)} ${table}`);
}
