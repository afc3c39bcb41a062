import { schemaOf } from "../../changes/aspect.ts";
import { relationKind } from "../../changes/relationChange.ts";
import type { Catalog } from "../../trial/observation.ts";
import type { Finding } from "../finding.ts";
import type { Scene } from "../scene.ts";
import { tablesBelow } from "../viewTables.ts";

/**
 * Views in the API's sight that read tables with row level security as their owner does, who is not bound by it
 * (PostgreSQL documentation, CREATE VIEW: security_invoker).
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
    if (kind === "view" && /security_invoker=(?:true|on|1|yes)/.test(catalog.get(`options of view ${view}`) ?? ""))
        return undefined;
    const readers = callers.filter(role => catalog.get(`grants on ${kind} ${view} to ${role}`)?.includes("SELECT"));
    if (readers.length === 0) return undefined;
    const guarded = (await tablesBelow(view, catalog)).filter(table =>
        catalog.get(`row level security of ${table}`)?.startsWith("on"),
    );
    if (guarded.length === 0) return undefined;
    const way = kind === "view" ? "has no security_invoker, so it" : "is a materialized view, so it";
    return {
        code: "view-past-rls",
        level: "insecure",
        object: view,
        words: `${way} shows ${readers.join(", ")} rows of ${guarded.join(", ")} past their row level security`,
        stops: true,
    };
}
