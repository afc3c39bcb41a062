import { lastPart, schemaOf } from "../../changes/aspect.ts";
import { allowedBy } from "../../changes/privileges.ts";
import { relationKind } from "../../changes/relationChange.ts";
import type { Catalog } from "../../../runner/catalog/catalog.ts";
import type { Finding } from "../finding.ts";
import type { Scene } from "../scene.ts";
import { isInvoker, relationsIn, tablesBelow } from "../viewTables.ts";

/**
 * Views in the API's sight that read tables as their owner does, who is bound neither by row level security nor by what
 * their readers were granted (PostgreSQL documentation, CREATE VIEW: security_invoker). One that reads as its reader does
 * so where it is put upon such a view, in whichever schema: to read through it nobody needs the use of that.
 */
export async function viewFindings({ comparison, exposed }: Scene): Promise<Finding[]> {
    const { after, changed } = comparison;
    const touched = changed.flatMap(({ kind, object, part }) => {
        const counts = kind === "relation" || kind === "options" || (kind === "grants" && callers.includes(part ?? ""));
        return counts && isView(object, after) ? object : [];
    });
    const isShown = (view: string) => exposed.has(schemaOf(view) ?? "");
    const hidden = new Set(touched.filter(view => !isShown(view)));
    const upon = hidden.size === 0 ? [] : invokersIn(after).filter(isShown);
    const findings = await Promise.all([
        ...[...new Set(touched.filter(isShown))].map(view => findingOf(view, after, () => true)),
        ...upon.filter(view => !touched.includes(view)).map(view => findingOf(view, after, door => hidden.has(door))),
    ]);
    return findings.flatMap(finding => finding ?? []);
}

const callers = ["anon", "authenticated", "public"];

/** What a view shows of tables past their fences, and the view that does: itself, or one that it reads. */
interface Door {
    readonly view: string;
    readonly tables: readonly string[];
}

/** @param counts of which doors to speak */
async function findingOf(
    view: string,
    catalog: Catalog,
    counts: (door: string) => boolean,
): Promise<Finding | undefined> {
    const readers = callers.filter(role => maySelect([role], view, catalog));
    const doors = await Promise.all(readers.map(reader => doorsOf(view, reader, catalog)));
    const open = doors.map(each => each.filter(door => counts(door.view)));
    const shown = readers.filter((_, index) => open[index]?.length);
    const through = [...new Set(open.flat().map(door => door.view))];
    if (through.length === 0) return undefined;
    const guarded = [...new Set(open.flat().flatMap(({ tables }) => tables))];
    const fences = [
        ...(guarded.some(table => hasRowSecurity(table, catalog)) ? ["row level security"] : []),
        ...(guarded.every(table => hasRowSecurity(table, catalog)) ? [] : ["grants"]),
    ];
    const way = (name: string) => (catalog.has(`view ${name}`) ? "has no security_invoker" : "is a materialized view");
    const read = through.map(name => `${name}, which ${way(name)}`);
    return {
        code: "view-past-rls",
        level: "insecure",
        object: view,
        words: `${through.includes(view) ? way(view) : `reads ${read.join(", and ")}`}, so it shows ${shown.join(", ")} rows of ${guarded.join(", ")} past their ${fences.join(" and ")}`,
        stops: true,
    };
}

async function doorsOf(view: string, reader: string, catalog: Catalog): Promise<Door[]> {
    if (catalog.has(`view ${view}`) && isInvoker(view, catalog)) {
        const below = (await relationsIn(view, catalog)).filter(
            name => isView(name, catalog) && maySelect([reader, "public"], name, catalog),
        );
        return (await Promise.all([...new Set(below)].map(name => doorsOf(name, reader, catalog)))).flat();
    }
    const tables = (await tablesBelow(view, catalog)).filter(
        table => hasRowSecurity(table, catalog) || !mayRead(reader, table, catalog),
    );
    return tables.length > 0 ? [{ view, tables }] : [];
}

function isView(name: string, catalog: Catalog): boolean {
    return /view$/.test(relationKind(catalog, name) ?? "");
}

function invokersIn(catalog: Catalog): string[] {
    const views = [...catalog.keys()].flatMap(key => /^view (.*)$/s.exec(key)?.[1] ?? []);
    return views.filter(view => isInvoker(view, catalog));
}

/** Whether a grant to one of the roles lets them read a view, or some of its columns. */
function maySelect(roles: readonly string[], view: string, catalog: Catalog): boolean {
    const ofColumns = `grants on column ${view}.`;
    return roles.some(role => {
        const has = (key: string) => allowedBy(catalog.get(key)).includes("select");
        if (has(`grants on ${relationKind(catalog, view)} ${view} to ${role}`)) return true;
        return [...catalog.keys()].some(key => key.startsWith(ofColumns) && key.endsWith(` to ${role}`) && has(key));
    });
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
