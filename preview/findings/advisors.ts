import type { Advice } from "../trial/advisors.ts";
import { type Finding, note } from "./finding.ts";
import type { Scene } from "./scene.ts";

/** What a finding of our own says already, and more exactly. */
const saidAlready = ["rls_disabled_in_public", "policy_exists_rls_disabled", "rls_enabled_no_policy"];

/**
 * What Supabase's advisors will say of the project after this migration, and do not say before.
 *
 * @param views findings of our own that name views
 */
export function advisorFindings({ trial }: Pick<Scene, "trial">, views: readonly Finding[]): Finding[] {
    // An advisor's name of a view has its schema or not: that depends on the search_path of who asks.
    const isSaid = ({ lint, detail }: Advice) =>
        lint === "security_definer_view" && views.some(({ object }) => [detail, `public.${detail}`].includes(object));
    return (trial.advice ?? [])
        .filter(advice => !saidAlready.includes(advice.lint) && !isSaid(advice))
        .map(({ lint, detail }) => note("advisor-says", detail, `Supabase's advisors will say ${lint}`));
}
