import { functionTraits, roleTraits } from "../../changes/otherChange.ts";
import type { Catalog } from "../../../runner/catalog/catalog.ts";
import { type Finding, insecure, note } from "../finding.ts";
import type { Scene } from "../scene.ts";
import { callers, powerful, powers } from "./roles.ts";

/** Owners that are callers of the API, or lend a function more rights than before; of all others a note. */
export function ownerFindings({ comparison: { changed, after: catalog } }: Pick<Scene, "comparison">): Finding[] {
    return changed.flatMap(({ kind, key, object, before, after }): Finding[] => {
        // Of a relation and the database it is a row of its own, of others a word of their definition.
        const isOther = kind === "object" && /^(?:function|schema|type) /.test(key);
        const ownerIn = (text: string | null) => (isOther ? /^owner (\S+)/.exec(text ?? "")?.[1] : text);
        if (kind !== "owner" && !isOther) return [];
        const [was, is] = [ownerIn(before), ownerIn(after)];
        if (!was || !is || was === is) return [];
        if (callers.includes(is))
            return [insecure("owner-changed", object, `belongs to ${is} now, who may do everything with it`)];
        const isDefiner = key.startsWith("function ") && functionTraits(after ?? "").includes("security definer");
        if (isDefiner && powerOf(is, catalog) > powerOf(was, catalog)) {
            const words = `runs with the rights of ${is} now, of ${was} before: it is security definer`;
            return [insecure("owner-changed", object, words)];
        }
        return [note("owner-changed", object, `belongs to ${is} now, to ${was} before`)];
    });
}

/** The more, the further a role gets past grants and policies. */
function powerOf(role: string, catalog: Catalog): number {
    const traits = roleTraits(catalog.get(`role ${role}`) ?? "{}");
    if (role === "supabase_admin" || traits.includes("superuser")) return 3;
    // The tables are its own.
    if (role === "postgres") return 2;
    return powerful.includes(role) || traits.some(trait => powers.includes(trait)) ? 1 : 0;
}
