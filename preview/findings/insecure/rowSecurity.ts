import { schemaOf } from "../../changes/aspect.ts";
import { relationKind } from "../../changes/relationChange.ts";
import { type Finding, insecure, note } from "../finding.ts";
import type { Scene } from "../scene.ts";

/** Row level security that is off, or missing where the API shows the table; and tables that nobody can read any more. */
export function rowSecurityFindings({ comparison, exposed }: Scene): Finding[] {
    const { after, changed, renamed } = comparison;
    const isShown = (name: string) => exposed.has(schemaOf(name) ?? "");
    const findings = changed.flatMap(({ kind, object, before: was, after: is }): Finding[] => {
        if (kind !== "row level security" || is === null) return [];
        if (was?.startsWith("on") && is === "off") {
            return [
                insecure(
                    "rls-off",
                    object,
                    "row level security is switched off: every role with a grant reaches every row",
                ),
            ];
        }
        if (was === null && is === "off" && isShown(object)) return [missing(object)];
        if (was === "on, forced on the owner" && is === "on") {
            return [note("rls-not-forced", object, "row level security no longer binds the owner")];
        }
        const hasPolicy = [...after.keys()].some(key => key.startsWith("policy ") && key.endsWith(` on ${object}`));
        if (is.startsWith("on") && !was?.startsWith("on") && !hasPolicy) {
            const words =
                was === null
                    ? "has row level security and no policy: nobody but its owner sees a row"
                    : "gets row level security and has no policy: whoever reads it now sees no row then";
            return [note("rls-without-policy", object, words)];
        }
        return [];
    });
    // A table that moves into the API's sight keeps what it has.
    for (const { kind, from, to } of renamed) {
        if (kind !== "table" || isShown(from) || !isShown(to)) continue;
        if (after.get(`row level security of ${to}`) === "off") findings.push(missing(to));
    }
    for (const { kind, object, part, before: was } of changed) {
        if (kind !== "published" || was !== null || after.get(`row level security of ${object}`) !== "off") continue;
        if (relationKind(after, object) === undefined || part !== "supabase_realtime") continue;
        findings.push(
            insecure(
                "broadcast-without-rls",
                object,
                "its rows are broadcast by supabase_realtime without row level security",
            ),
        );
    }
    return findings;

    function missing(object: string): Finding {
        const readers = ["anon", "authenticated", "public"].filter(role =>
            after.has(`grants on ${relationKind(after, object)} ${object} to ${role}`),
        );
        const who =
            readers.length > 0
                ? `${readers.join(", ")} reach every row`
                : "whoever is granted something reaches every row";
        return insecure("rls-missing", object, `has no row level security in a schema that the API shows: ${who}`);
    }
}
