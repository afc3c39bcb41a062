import { roleTraits } from "../../changes/otherChange.ts";
import { type Finding, insecure } from "../finding.ts";
import type { Scene } from "../scene.ts";

/** Attributes that pass grants and policies, as roleTraits names them. */
export const powers = ["superuser", "bypasses RLS", "creates roles", "replicates"];
/** Whom a request of the API runs as, and who takes it. */
export const callers = ["anon", "authenticated", "authenticator"];
/** Whoever is a member of these reads or writes past every grant or policy. */
export const powerful = [
    "postgres",
    "service_role",
    "supabase_admin",
    "pg_read_all_data",
    "pg_write_all_data",
    "pg_execute_server_program",
    "pg_read_server_files",
    "pg_write_server_files",
];

/** Roles that can log in, or do more than grants say, and memberships that carry such rights on. */
export function roleFindings({ comparison }: Scene): Finding[] {
    return comparison.changed.flatMap(({ key, before, after }): Finding[] => {
        if (after === null) return [];
        if (/^role \S+$/.test(key)) {
            const had = roleTraits(before ?? "{}");
            const news = roleTraits(after).filter(trait => !had.includes(trait));
            const gainedPowers = news.filter(trait => powers.includes(trait));
            return [
                ...(gainedPowers.length > 0
                    ? [
                          insecure(
                              "role-powerful",
                              key,
                              `gets an attribute that passes grants and policies: ${gainedPowers.join(", ")}`,
                          ),
                      ]
                    : []),
                ...(news.includes("login") ? [insecure("role-login", key, "can log in")] : []),
            ];
        }
        const [, member = "", role = ""] = /^membership of (\S+) in (\S+)$/.exec(key) ?? [];
        if (before !== null || !(callers.includes(member) || powerful.includes(role))) return [];
        return [
            insecure("membership-widened", `role ${member}`, `has all that ${role} has: it is made a member of it`),
        ];
    });
}
