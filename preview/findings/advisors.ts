import { type Finding, note } from "./finding.ts";
import type { Scene } from "./scene.ts";

/** What a finding of our own says already, and more exactly. */
const saidAlready = [
    "rls_disabled_in_public",
    "policy_exists_rls_disabled",
    "rls_enabled_no_policy",
    "security_definer_view",
];

/** What Supabase's advisors will say of the project after this migration, and do not say before. */
export function advisorFindings({ trial }: Pick<Scene, "trial">): Finding[] {
    return (trial.advice ?? [])
        .filter(({ lint }) => !saidAlready.includes(lint))
        .map(({ lint, detail }) => note("advisor-says", detail, `Supabase's advisors will say ${lint}`));
}
